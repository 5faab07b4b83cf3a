from kernelq_plugins.worker.pools import *
