from kernelq_plugins.asynchronous.coroutines import *
