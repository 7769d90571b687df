import sys, os, time
sys.argv=["x","1","1"]
exec(open("/work/lab/walktime.py").read().replace("run()\nts","t0=time.time()\nts"))
run(); print("PID",os.getpid(),flush=True)
t0=time.time()
while time.time()-t0<25: run()
