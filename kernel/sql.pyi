from kernelq_plugins.engine_sql.contract import *
