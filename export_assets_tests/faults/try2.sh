cd /tmp/h-faults; PYTHONPATH=/tmp/h-faults timeout 590 /work/main/.venv/bin/python export_assets_tests/faults/try1.py $1 "$2" $3 > /tmp/h-faults-out-$4 2>&1
