from kernelq_plugins.engine_amqp.contract import *
