-- A place is (9 - priority) * BAND + tick, so that one sorted set has priority and age; a tick is 4 microseconds since
-- 2024, and no two messages have the same. Places stay exact as doubles, and no two bands meet, until the year 2138.

local BAND = 900000000000000
local TICKS = 250000
local EPOCH = 1704067200
