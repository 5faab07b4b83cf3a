from kernelq_plugins.protocol.protocol import *
