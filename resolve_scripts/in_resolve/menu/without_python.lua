-- VIA in Resolve's Scripts menu, for when its Python entries are missing there.
-- Written by `via resolve install`, which fills in the values.
local MENU_FOLDER = ""
local MAILBOX_FOLDER = ""
local COMMAND = ""

local WHY = [[
VIA: started by Lua. If the entry VIA is missing above, Resolve runs no Python from its menu here:
free Resolve 21.1 and newer lists Lua only, and older ones hide .py entries when they find no
Python 3. This entry does the same as VIA. To see which it is: via resolve doctor]]

local function wait(seconds)
  if bmd and bmd.wait then
    bmd.wait(seconds)
  else
    os.execute("sleep " .. seconds)
  end
end

local function main()
  print(WHY)
  local owner = resolve or (Resolve and Resolve())
  if not owner then
    print("VIA: this menu gave no Resolve to talk to; start Resolve anew, then try again.")
    return
  end
  local json = dofile(MENU_FOLDER .. "/json.lua")
  local serve = dofile(MENU_FOLDER .. "/mailbox.lua")
  math.randomseed(os.time())
  local session = string.format("%d%06d", os.time(), math.random(0, 999999))
  os.execute((COMMAND:gsub("@SESSION@", session)))
  local why = serve({
    resolve = owner,
    folder = MAILBOX_FOLDER,
    session = session,
    json = json,
    wait = wait,
    say = print,
  })
  print("VIA: " .. why)
end

main()
