-- What generations leave behind in shared memory is deleted bit by bit: to list all names at once would hold up every
-- worker for a quarter of a second.
local _M = {}

local dict = ngx.shared.eru_table

local per_tick = 400
-- Names that belong to no generation, with room to spare.
local others_max = 4096

-- Of this worker: {upto, quiet, quiet_max}. Lost with it, and begun again after the next generation.
local under_way

--- Deletes, from now on, what generations up to this one left, except that in force.
function _M.begin(upto)
  under_way = { upto = upto, quiet = 0, quiet_max = 3 * (dict:get("count") or 0) + others_max }
end

--- Deletes a little of it. `current` is the generation in force.
function _M.some(current)
  if not under_way then
    return
  end
  -- Those that nobody asked for longest come first, and what was left behind is among them.
  for _, name in ipairs(dict:get_keys(per_tick)) do
    local gen = tonumber(name:match("^(%d+)[|#]"))
    if gen and gen ~= current and gen <= under_way.upto then
      dict:delete(name)
      under_way.quiet = 0
    else
      dict:get(name) -- Asked for: now it comes last.
      under_way.quiet = under_way.quiet + 1
    end
  end
  if under_way.quiet > under_way.quiet_max then
    under_way = nil
  end
end

return _M
