-- Lends Resolve's objects to Via through files in a private folder, where menus run Lua only.
--
-- Via asks in SESSION-ask-N.json, N from 1, and reads SESSION-answer-N.json; whole files appear at
-- once by a rename. SESSION-resolve.alive and SESSION-via.alive change every second while their
-- writers live. Questions, each answered with {"result": ...} or {"error": "text"}:
--   {"do": "call", "object": N, "method": "GetStart", "arguments": [...]}   object 0 is `resolve`
--   {"do": "read_all", "objects": [...], "methods": [...]}                  a list of lists
--   {"do": "has", "object": N, "method": "GetSelectedClips"}
--   {"do": "say", "message": "..."}   {"do": "close"}
local POLL_S = 0.01
local BEAT_POLLS = 50
local SILENT_POLLS = 3000

-- options: resolve, folder, session, json, wait (seconds), say (text), and silent_polls, if other
-- than SILENT_POLLS. Returns why it ended.
return function(options)
  local json = options.json
  local prefix = options.folder .. "/" .. options.session .. "-"
  local objects, count = { [0] = options.resolve }, 0

  local function keep(object)
    count = count + 1
    objects[count] = object
    return count
  end

  local function read(name)
    local file = io.open(prefix .. name, "rb")
    if not file then
      return nil
    end
    local text = file:read("*a")
    file:close()
    return text
  end

  local function write(name, text)
    local file = io.open(prefix .. name, "wb")
    if file then
      file:write(text)
      file:close()
    end
  end

  -- JSON arguments as Lua values: {"object": N} and {"table": [[key, value], ...]} inside.
  local function given(value)
    if type(value) ~= "table" then
      return value
    elseif value.object then
      return objects[value.object]
    end
    local found = {}
    for index = 1, value.table.n do
      local pair = value.table[index]
      found[pair[1]] = given(pair[2])
    end
    return found
  end

  local function call(object, method, arguments)
    local values = {}
    for index = 1, arguments.n do
      values[index] = given(arguments[index])
    end
    return object[method](object, unpack(values, 1, arguments.n))
  end

  local doings = {}

  function doings.call(asked)
    return json.encode(call(objects[asked.object], asked.method, asked.arguments), keep)
  end

  function doings.read_all(asked)
    local rows = {}
    for row = 1, asked.objects.n do
      local answers = {}
      for column = 1, asked.methods.n do
        local object = objects[asked.objects[row]]
        answers[column] = json.encode(call(object, asked.methods[column], { n = 0 }), keep)
      end
      rows[row] = "[" .. table.concat(answers, ",") .. "]"
    end
    return "[" .. table.concat(rows, ",") .. "]"
  end

  function doings.has(asked)
    return tostring(objects[asked.object][asked.method] ~= nil)
  end

  function doings.say(asked)
    options.say(asked.message)
    return "null"
  end

  local function answer(text)
    local is_done, result = pcall(function()
      local asked = json.decode(text)
      return doings[asked["do"]](asked)
    end)
    if is_done then
      return '{"result":' .. result .. "}"
    end
    return '{"error":' .. json.encode(tostring(result)) .. "}"
  end

  local number, polls, beat, last_beat, silent = 1, 0, 0, nil, 0
  while true do
    if polls % BEAT_POLLS == 0 then
      beat = beat + 1
      write("resolve.alive", tostring(beat))
      local theirs = read("via.alive")
      silent = theirs == last_beat and silent + BEAT_POLLS or 0
      last_beat = theirs
      if silent > (options.silent_polls or SILENT_POLLS) then
        os.remove(prefix .. "resolve.alive")
        return "Via does not answer; its log says more"
      end
    end
    polls = polls + 1
    local text = read("ask-" .. number .. ".json")
    if text then
      os.remove(prefix .. "ask-" .. number .. ".json")
      local is_close = text:find('"do": ?"close"') ~= nil
      write("answer-" .. number .. ".json.partial", is_close and '{"result":null}' or answer(text))
      os.rename(prefix .. "answer-" .. number .. ".json.partial", prefix .. "answer-" .. number .. ".json")
      if is_close then
        os.remove(prefix .. "resolve.alive")
        return "done"
      end
      number = number + 1
    else
      options.wait(POLL_S)
    end
  end
end
