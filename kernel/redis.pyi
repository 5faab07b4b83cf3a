from kernelq_plugins.engine_redis.contract import *
