"""The measured promises on speed and memory, side by side with peers, runnable by anyone."""
