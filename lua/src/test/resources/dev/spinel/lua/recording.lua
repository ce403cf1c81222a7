-- Runs the script in ARGV[1] with globals of its own, and answers with what came of it, as one line
-- of printable characters: all results, or the error. The same program runs in a real server and in
-- our Lua, so only what it says can differ.
local function printable(s)
  return (string.gsub(s, '[^ -~]', function(c) return string.format('\\%03d', string.byte(c)) end))
end

local function address(s)
  return (string.gsub(s, '0x%x+', '0x'))
end

local function show(value, depth)
  local kind = type(value)
  if kind == 'string' then return '"' .. printable(address(value)) .. '"' end
  if kind == 'number' then return string.format('%.17g', value) end
  if kind ~= 'table' then
    local mt = getmetatable(value)
    if kind == 'userdata' and mt then return 'userdata' end
    return address(tostring(value))
  end
  if depth > 3 then return '{...}' end
  local parts = {}
  for k, v in next, value do
    parts[#parts + 1] = '[' .. show(k, depth + 1) .. ']=' .. show(v, depth + 1)
    if #parts > 60 then break end
  end
  return '{' .. table.concat(parts, ',') .. '}'
end

local function results(ok, ...)
  local parts = {ok and 'ok' or 'error'}
  for i = 1, select('#', ...) do parts[#parts + 1] = show((select(i, ...)), 0) end
  return table.concat(parts, ' ')
end

local chunk, problem = loadstring(ARGV[1], '@user_script')
if not chunk then return 'syntax ' .. printable(problem) end
setfenv(chunk, setmetatable({}, {__index = _G}))
math.randomseed(0)
return results(pcall(chunk))
