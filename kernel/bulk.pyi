from kernelq_plugins.bulk.batch import *
