-- The table in shared memory. One writer at a time changes it; every worker reads it whenever it needs a key.
--
--   boot, token           what this table is called, and a number that grows with every change
--   meta                  epoch, seq, generation and time of the last change, at fixed width
--   ring:<token % size>   which keys that change touched
--   <gen>|<key>           the version of the key's value in force; 0 for a key that is not or no longer there
--   <gen>|<key>|<version> the value
--
-- A full dict must never lose what it holds, and even `safe_set` frees the old value before it fails to find room for a
-- longer one. So everything new is stored under new names first, and the change itself only overwrites numbers and
-- fixed-width texts in place, which cannot fail.
local sha256 = require("eru.sha256")
local sweep = require("eru.sweep")

local _M = {}

local dict = ngx.shared.eru_table
local control = ngx.shared.eru_control

local ring_size = 1024
local ring_bytes = 880 -- with its key and node it fills a 1 KiB slot of the allocator
local everything = "*"
local delta_lock_s = 5
-- Versions of a generation's first values are chunk numbers; those of deltas begin above.
local versions_from = 2 ^ 20
local chunks_max = versions_from - 1
local tombstone_s = 60

local function nobody() end
local written = nobody

--- Has each line told to `listener(key, json)` when it is written; without json when it goes.
function _M.notify(listener)
  written = listener
end

--- How long an open generation survives without a chunk, in seconds.
_M.generation_lock_s = 10

local flip_order = {}
for place, kind in ipairs({ "+g", "+c", "+a", "+p", "+r", "+t", "-t", "-r", "-p", "-a", "-c", "-g" }) do
  flip_order[kind] = place
end

-- Garbage of this worker: names to delete when no request can want them any more. Lost with the worker, found again by the
-- sweep after the next generation.
local tombstones = {}

local function pack_meta(epoch, seq, gen)
  return string.format("%-64s%020d%020d%020d", epoch, seq, gen, ngx.now() * 1000)
end

local function index_name(gen, key)
  return gen .. "|" .. key
end

local function value_name(gen, key, version)
  return gen .. "|" .. key .. "|" .. version
end

local function chunk_name(gen, number)
  return gen .. "#" .. number
end

--- The number of the newest change. One read of shared memory, asked at every request.
function _M.token()
  return dict:get("token")
end

--- What is in force: {bootId, token, epoch, seq, gen, ageMs}.
function _M.current()
  local meta = dict:get("meta")
  return {
    bootId = dict:get("boot"),
    token = dict:get("token"),
    epoch = (meta:sub(1, 64):gsub(" +$", "")),
    seq = tonumber(meta:sub(65, 84)),
    gen = tonumber(meta:sub(85, 104)),
    ageMs = math.max(0, math.floor(ngx.now() * 1000 - tonumber(meta:sub(105, 124)))),
  }
end

--- The generation in force.
function _M.generation()
  return tonumber(dict:get("meta"):sub(85, 104))
end

--- The value of a key; nil when there is none, nil and true when it was there within the last minute.
function _M.read(gen, key)
  local index = index_name(gen, key)
  for _ = 1, 10 do
    local version = dict:get(index)
    if not version then
      return nil
    end
    if version == 0 then
      return nil, true
    end
    local value = dict:get(value_name(gen, key, version))
    if value then
      return value
    end
    -- A writer replaced the value between the two reads: the index names the new one now.
  end
  return nil -- Swept away with its generation: the caller finds a newer token.
end

--- The keys that change number `token` touched; nil when everything may have changed.
function _M.touched(token)
  local entry = dict:get("ring:" .. token % ring_size) or ""
  local number, keys = entry:match("^(%d+)\n(.-) *$")
  if tonumber(number) ~= token or keys == everything then
    return nil
  end
  return keys
end

local function flip(epoch, seq, gen, keys, turn)
  local token = dict:get("token") + 1
  local entry = token .. "\n" .. (keys and table.concat(keys, "\n") or everything)
  if #entry > ring_bytes then
    entry = token .. "\n" .. everything
  end
  dict:safe_set("ring:" .. token % ring_size, entry .. string.rep(" ", ring_bytes - #entry))
  turn()
  dict:safe_set("meta", pack_meta(epoch, seq, gen))
  dict:safe_set("token", token)
  return token
end

local function discard(names)
  for _, name in ipairs(names) do
    dict:delete(name)
  end
end

-- Stores the new values where no reader looks yet. All or nothing.
local function store_values(gen, changes, version)
  local written = {}
  for _, change in ipairs(changes) do
    if change.op == "+" then
      local value, index = value_name(gen, change.key, version), index_name(gen, change.key)
      local ok, err = dict:safe_set(value, change.json)
      written[#written + 1] = value
      change.before = dict:get(index)
      if ok and not change.before then
        ok, err = dict:safe_add(index, 0)
        written[#written + 1] = index
      end
      if not ok then
        discard(written)
        return nil, err
      end
    else
      change.before = dict:get(index_name(gen, change.key))
    end
  end
  return true
end

local function turn_indices(gen, changes, version)
  for _, change in ipairs(changes) do
    local index = index_name(gen, change.key)
    if change.op == "+" then
      dict:safe_set(index, version)
    elseif change.before then
      dict:safe_set(index, 0)
      tombstones[#tombstones + 1] = { index = index, at = ngx.now() + tombstone_s }
    end
  end
  for _, change in ipairs(changes) do
    if change.before and change.before ~= 0 then
      dict:delete(value_name(gen, change.key, change.before))
    end
  end
end

--- Who may write now: nil when free, else the open generation's number, or 0 while a delta is being written.
function _M.writer()
  return control:get("writer")
end

--- Applies lines on top of the table at `base`. {token} when every later request sees them all; else nil, "writer" |
--- "base" | "memory", and nothing is changed.
function _M.delta(header, changes)
  if not control:safe_add("writer", 0, delta_lock_s) then
    return nil, "writer"
  end
  local now = _M.current()
  if now.epoch ~= header.epoch or now.seq ~= header.base then
    control:delete("writer")
    return nil, "base"
  end
  -- Make before break: what a rule names is there before the rule, and goes after it.
  table.sort(changes, function(a, b)
    return flip_order[a.op .. a.key:sub(1, 1)] < flip_order[b.op .. b.key:sub(1, 1)]
  end)
  local version = dict:incr("version", 1)
  if not store_values(now.gen, changes, version) then
    control:delete("writer")
    return nil, "memory"
  end
  local keys = {}
  for index, change in ipairs(changes) do
    keys[index] = change.key
  end
  local token = flip(header.epoch, header.seq, now.gen, keys, function()
    turn_indices(now.gen, changes, version)
  end)
  for _, change in ipairs(changes) do
    written(change.key, change.json)
  end
  control:delete("writer")
  return { token = token }
end

--- Opens a new generation and returns its number; nil when another writer is at work.
function _M.open()
  if not control:safe_add("writer", 0, delta_lock_s) then
    return nil
  end
  local gen = dict:incr("generations", 1)
  control:set("writer", gen, _M.generation_lock_s)
  return gen
end

--- Gives up an open generation; false when it is not open.
function _M.abort(gen)
  if control:get("writer") ~= gen then
    return false
  end
  sweep.begin(gen)
  control:delete("writer")
  return true
end

local function twice(gen, number, changes)
  for line, change in ipairs(changes) do
    local version = dict:get(index_name(gen, change.key))
    if version and version ~= number + 1 then
      return { line = line, key = change.key, reason = "the key is also in chunk " .. version - 1 }
    end
  end
end

local function write_chunk(gen, number, record, changes)
  local ok = dict:safe_set(chunk_name(gen, number), "-" .. record)
  for _, change in ipairs(changes) do
    ok = ok
      and dict:safe_set(value_name(gen, change.key, number + 1), change.json)
      and dict:safe_set(index_name(gen, change.key), number + 1)
    written(change.key, change.json)
  end
  return ok and dict:safe_set(chunk_name(gen, number), "+" .. record)
end

--- Adds a chunk to an open generation. Sending the same chunk again changes nothing. nil and "closed" | "changed" |
--- "memory" | {line, key, reason}; without memory the generation is given up.
function _M.put_chunk(gen, number, body, changes)
  if control:get("writer") ~= gen then
    return nil, "closed"
  end
  control:set("writer", gen, _M.generation_lock_s)
  local record = #changes .. " " .. sha256.of(body)
  local before = dict:get(chunk_name(gen, number))
  if before == "+" .. record then
    return true
  elseif before and before ~= "-" .. record then -- "-": a worker died in the middle of it.
    return nil, "changed"
  end
  local fault = twice(gen, number, changes)
  if fault then
    return nil, fault
  end
  if not write_chunk(gen, number, record, changes) then
    _M.abort(gen)
    return nil, "memory"
  end
  return true
end

--- Puts a complete generation in force. nil and "closed" | what does not agree.
function _M.commit(gen, header)
  if control:get("writer") ~= gen then
    return nil, "closed"
  end
  local count, hashes = 0, {}
  for number = 0, header.chunks - 1 do
    local record = dict:get(chunk_name(gen, number))
    local length, hash = (record or ""):match("^%+(%d+) (%x+)$")
    if not length then
      return nil, "chunk " .. number .. " is missing"
    end
    count = count + tonumber(length)
    hashes[number + 1] = hash
  end
  if count ~= header.count then
    return nil, "it has " .. count .. " lines, not " .. header.count
  end
  if sha256.of(table.concat(hashes)) ~= header.sha256 then
    return nil, "its sha256 is another"
  end
  local token = flip(header.epoch, header.seq, gen, nil, function()
    dict:safe_set("count", count)
  end)
  sweep.begin(gen)
  control:delete("writer")
  return { token = token }
end

--- Fills an empty dict at start: {put(change), finish()}. `put` returns what is wrong with a change, or nil, and raises
--- an error, which stops nginx from starting, when there is no room. Must not be called on a table in force.
function _M.import(boot_id, header)
  local function keep(name, value)
    local ok, err = dict:safe_set(name, value)
    if not ok then
      error("boot file does not fit: " .. name .. ": " .. err, 0)
    end
  end
  for slot = 0, ring_size - 1 do
    keep("ring:" .. slot, string.rep(" ", ring_bytes))
  end
  keep("generations", 1)
  keep("version", versions_from)
  keep("count", header.count or 0)
  keep("meta", pack_meta(header.epoch, header.seq, 1))
  return {
    put = function(change)
      if dict:get(index_name(1, change.key)) then
        return "the key is there twice"
      elseif change.op == "-" then
        return "a boot file holds no removals"
      end
      keep(value_name(1, change.key, 1), change.json)
      keep(index_name(1, change.key), 1)
      written(change.key, change.json)
    end,
    finish = function()
      keep("boot", boot_id)
      keep("token", 1) -- Last: a dict with a token holds a whole table.
    end,
  }
end

--- Calls `visit` for each key with its value, in no order.
function _M.each(prefix, visit)
  local gen = _M.generation()
  local start = gen .. "|" .. prefix
  for _, name in ipairs(dict:get_keys(0)) do
    if name:sub(1, #start) == start and type(dict:get(name)) == "number" then
      local key = name:sub(#tostring(gen) + 2)
      local value = _M.read(gen, key)
      if value then
        visit(key, value)
      end
    end
  end
end

local function bury(now)
  -- A key may have come back; only under the writer lock is it sure to stay away between the look and the deletion.
  if #tombstones == 0 or tombstones[1].at > now or not control:safe_add("writer", 0, delta_lock_s) then
    return
  end
  while tombstones[1] and tombstones[1].at <= now do
    local index = table.remove(tombstones, 1).index
    if dict:get(index) == 0 then
      dict:delete(index)
    end
  end
  control:delete("writer")
end

--- Deletes a little of what is no longer wanted. Called from a timer of every worker.
function _M.tidy()
  sweep.some(_M.generation())
  bury(ngx.now())
end

--- Room left for values, in bytes, and all of it.
function _M.room()
  return dict:free_space(), dict:capacity()
end

--- Chunks of one generation.
_M.chunks_max = chunks_max
--- Characters of an epoch.
_M.epoch_length_max = 64

return _M
