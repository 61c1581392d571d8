-- JSON for Resolve's Lua 5.1, which brings none. Tables travel as {"table": [[key, value], ...]},
-- since Lua does not tell a list from a dictionary; objects as {"object": number}.
local json = {}

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }
local UNESCAPES = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

local function encode_text(text)
  local function escape(letter)
    return ESCAPES[letter] or string.format("\\u%04x", string.byte(letter))
  end
  return '"' .. text:gsub('[%c"\\]', escape) .. '"'
end

local function encode_number(number)
  if number ~= number or number == math.huge or number == -math.huge then
    return "null"
  end
  if number == math.floor(number) and math.abs(number) < 2 ^ 53 then
    return string.format("%.0f", number)
  end
  return string.format("%.17g", number)
end

-- A value as text; `keep` gives the number of an object.
function json.encode(value, keep)
  local kind = type(value)
  if kind == "nil" then
    return "null"
  elseif kind == "boolean" then
    return tostring(value)
  elseif kind == "number" then
    return encode_number(value)
  elseif kind == "string" then
    return encode_text(value)
  elseif kind ~= "table" then
    return '{"object":' .. keep(value) .. "}"
  end
  local pairs_found = {}
  for key, inner in pairs(value) do
    pairs_found[#pairs_found + 1] = "[" .. json.encode(key, keep) .. "," .. json.encode(inner, keep) .. "]"
  end
  return '{"table":[' .. table.concat(pairs_found, ",") .. "]}"
end

local function utf8(code)
  if code < 0x80 then
    return string.char(code)
  elseif code < 0x800 then
    return string.char(0xC0 + math.floor(code / 64), 0x80 + code % 64)
  end
  return string.char(
    0xE0 + math.floor(code / 4096), 0x80 + math.floor(code / 64) % 64, 0x80 + code % 64
  )
end

local decode_value

local function skip(text, at)
  return text:find("[^ \t\r\n]", at) or #text + 1
end

local function decode_text(text, at)
  local parts = {}
  while true do
    local stop = text:find('["\\]', at)
    if not stop then
      error("text without end")
    end
    parts[#parts + 1] = text:sub(at, stop - 1)
    if text:sub(stop, stop) == '"' then
      return table.concat(parts), stop + 1
    end
    local letter = text:sub(stop + 1, stop + 1)
    if letter == "u" then
      parts[#parts + 1] = utf8(tonumber(text:sub(stop + 2, stop + 5), 16))
      at = stop + 6
    else
      parts[#parts + 1] = UNESCAPES[letter] or letter
      at = stop + 2
    end
  end
end

local function decode_list(text, at)
  local list, count = {}, 0
  at = skip(text, at)
  while text:sub(at, at) ~= "]" do
    count = count + 1
    list[count], at = decode_value(text, at)
    at = skip(text, at)
    if text:sub(at, at) == "," then
      at = skip(text, at + 1)
    end
  end
  list.n = count
  return list, at + 1
end

local function decode_object(text, at)
  local object = {}
  at = skip(text, at)
  while text:sub(at, at) ~= "}" do
    local key
    key, at = decode_text(text, at + 1)
    at = skip(text, at)
    object[key], at = decode_value(text, skip(text, at + 1))
    at = skip(text, at)
    if text:sub(at, at) == "," then
      at = skip(text, at + 1)
    end
  end
  return object, at + 1
end

decode_value = function(text, at)
  local first = text:sub(at, at)
  if first == "{" then
    return decode_object(text, at + 1)
  elseif first == "[" then
    return decode_list(text, at + 1)
  elseif first == '"' then
    return decode_text(text, at + 1)
  end
  for word, value in pairs({ ["true"] = true, ["false"] = false }) do
    if text:sub(at, at + #word - 1) == word then
      return value, at + #word
    end
  end
  if text:sub(at, at + 3) == "null" then
    return nil, at + 4
  end
  local stop = select(2, text:find("^-?[%d.eE+-]+", at))
  if not stop then
    error("no JSON at " .. at)
  end
  return tonumber(text:sub(at, stop)), stop + 1
end

-- The value of a text; lists have their length in `n`, null is nil. Raises on anything else.
function json.decode(text)
  return (decode_value(text, skip(text, 1)))
end

return json
