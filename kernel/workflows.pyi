from kernelq_plugins.canvas.contract import *
