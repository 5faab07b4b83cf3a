from kernelq_plugins.results.states import *
