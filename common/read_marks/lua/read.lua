-- Reads the marks that were established since this Redis started or became the primary.
--
-- Atomic, so that marks from before a restart or a failover, which may lack the last changes, are
-- never taken for current ones.
--
-- Returns the epoch, then collections and times in turns.
--
-- @include common/read_marks/lua/_established.lua
local marks_key = KEYS[1] -- hash: times by collection
local epochs_key = KEYS[2] -- hash: epochs by collection

local epoch, found = established(marks_key, epochs_key)
return {epoch, unpack(found)}
