-- Raises the read mark of a job's collection to the job's, so that whoever has read the outcomes of a
-- running job finds its images.
--
-- Atomic, so that a mark that is noted meanwhile stays noted.
--
-- Returns nothing.
--
-- @include common/read_marks/lua/_advance.lua
-- @include common/jobs/lua/_mark.lua
local job_key = KEYS[1] -- hash: the job's counters and times
local marks_key = KEYS[2] -- hash: read marks by collection

raise_mark(job_key, marks_key)
