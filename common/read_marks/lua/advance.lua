-- Raises read marks to times, unless they are later.
--
-- Atomic, so that no mark returns to an earlier time when several workers raise it.
--
-- Returns nothing.
--
-- @include common/read_marks/lua/_advance.lua
local marks_key = KEYS[1] -- hash: times by collection
local marks = cjson.decode(ARGV[1]) -- each: collection, time

for _, mark in ipairs(marks) do advance_mark(marks_key, mark[1], mark[2]) end
