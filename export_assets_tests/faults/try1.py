import sys,os,time,tempfile,shutil,random
from pathlib import Path
from export_assets_tests.faults.flows import FLOWS
from export_assets_tests.faults.trying import *
base=Path(tempfile.mkdtemp(dir="/dev/shm"))
most=int(sys.argv[1]); only=sys.argv[2] if len(sys.argv)>2 else ""
for f in FLOWS:
    if only and f.name not in only.split(","): continue
    d=base/f.name.replace(" ","-"); d.mkdir()
    c=time.process_time(); t0=time.time()
    t=Trying(f,d)
    n=bad=0; kinds={}
    for fault,k in t.choices(random.Random(int(sys.argv[3]) if len(sys.argv)>3 else 1),most):
        w=t.wrong(fault,k)
        if w is None: continue
        n+=1
        if w:
            bad+=1
            for x in w[:3]:
              key=x.split(": ")[3][:25]+x.split(": ")[2].split()[0]+str(fault)
              kinds[key]=kinds.get(key,0)+1
              if kinds[key]<=1: print("  *",x[:420].replace(str(base),''))
    print(f"== {f.name}: steps {len(t.steps)}, {n} tried, {bad} bad, {time.process_time()-c:.1f}s cpu {time.time()-t0:.1f}s",flush=True)
    shutil.rmtree(d); shutil.rmtree(t._template)
shutil.rmtree(base)
