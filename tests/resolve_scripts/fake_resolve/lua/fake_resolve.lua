-- A fake Resolve in Lua 5.1: `lua5.1 fake_resolve.lua SCENE.lua DUMP ENTRY.lua` runs a menu entry.
-- Written apart from the Python fake, from the same rules (resolve.md), so that both can be compared.
-- Objects are userdata; unknown methods are nil; failures are nil, false or {}, never errors.
local scene = dofile(arg[1])
local VERSION = scene.version

local function at_least(...)
  local wanted = { ... }
  for index = 1, #wanted do
    local own = VERSION[index] or 0
    if own ~= wanted[index] then
      return own > wanted[index]
    end
  end
  return true
end

local insides = setmetatable({}, { __mode = "k" })

-- A fresh handle on a thing; `methods` maps names to functions of (self, ...).
local function handle(thing)
  if thing == nil then
    return nil
  end
  local proxy = newproxy(true)
  insides[proxy] = thing
  local meta = getmetatable(proxy)
  meta.__index = function(_, name)
    local method = thing.methods[name]
    local since = thing.since and thing.since[name]
    if not method or (since and not at_least(unpack(since))) then
      return nil
    end
    return function(_, ...)
      return method(thing, ...)
    end
  end
  return proxy
end

local function handles(things)
  local list = {}
  for index, thing in ipairs(things) do
    list[index] = handle(thing)
  end
  return list
end

local last_id = 0
local function new_id()
  last_id = last_id + 1
  return string.format("lua-%04d", last_id)
end

local function marked(methods)
  function methods:AddMarker(frame, color, name, note, duration, custom)
    if self.markers[frame] then
      return false
    end
    self.markers[frame] =
      { color = color, name = name, note = note, duration = duration, customData = custom or "" }
    return true
  end
  function methods:GetMarkers()
    return self.markers
  end
  return methods
end

-- Media pool.

local pool_item_methods = marked({})
function pool_item_methods:GetUniqueId() return self.id end
function pool_item_methods:GetName() return self.name end
function pool_item_methods:GetClipProperty(key)
  local known = {
    ["File Path"] = self.path, ["Type"] = "Video", ["FPS"] = self.fps,
    ["Frames"] = tostring(self.frames), ["Start TC"] = "00:00:00:00",
  }
  if key == nil then
    return known
  end
  return known[key] or ""
end
function pool_item_methods:GetThirdPartyMetadata(key) return self.third_party[key] or "" end
function pool_item_methods:SetThirdPartyMetadata(key, value)
  self.third_party[key] = value
  return true
end

local function pool_item(path)
  local facts = scene.files[path]
  if not facts then
    return nil
  end
  return {
    methods = pool_item_methods, id = new_id(), path = path, name = path:match("[^/]+$"),
    fps = facts.fps, frames = facts.frames, markers = {}, third_party = {},
    since = { GetThirdPartyMetadata = { 19, 0, 2 }, SetThirdPartyMetadata = { 19, 0, 2 } },
  }
end

local folder_methods = {}
function folder_methods:GetName() return self.name end
function folder_methods:GetClipList() return handles(self.clips) end
function folder_methods:GetSubFolderList() return handles(self.folders) end
local function folder(name)
  return { methods = folder_methods, name = name, clips = {}, folders = {} }
end

local master = folder("Master")
local timeline, page, playhead, current_folder = nil, scene.page, scene.playhead, master

-- Timeline.

local item_methods = marked({})
function item_methods:GetUniqueId() return self.id end
function item_methods:GetName() return self.pool.name end
function item_methods:GetStart() return self.start end
function item_methods:GetEnd() return self.start + self.duration end
function item_methods:GetDuration() return self.duration end
function item_methods:GetLeftOffset() return self.source_start end
function item_methods:GetRightOffset() return self.pool.frames - self.source_start - self.duration end
function item_methods:GetMediaPoolItem() return handle(self.pool) end
function item_methods:GetClipColor() return "" end
function item_methods:GetProperty() return { Pan = 0, ZoomX = 1, ZoomY = 1, Opacity = 100 } end
function item_methods:GetFusionCompCount() return 0 end
function item_methods:GetNodeGraph()
  return handle({ methods = {
    GetNumNodes = function() return 1 end,
    GetLUT = function() return "" end,
    GetToolsInNode = function() return nil end,
  } })
end
function item_methods:GetSourceStartTime() return self.source_start / scene.rate end
function item_methods:GetSourceEndTime() return (self.source_start + self.duration) / scene.rate end
function item_methods:GetTakesCount() return #self.takes end
function item_methods:GetSelectedTakeIndex() return self.take end
function item_methods:GetTakeByIndex(index)
  local take = self.takes[index]
  return take and { startFrame = take.start, endFrame = take.last, mediaPoolItem = handle(take.pool) }
end
function item_methods:AddTake(other, first, last)
  local added = insides[other]
  if not added then
    return false
  end
  if #self.takes == 0 then
    self.takes[1] = { pool = self.pool, start = self.source_start, last = self.duration }
    self.take = 1
  end
  self.takes[#self.takes + 1] = { pool = added, start = first, last = last }
  return true
end
function item_methods:SelectTakeByIndex(index)
  if not self.takes[index] then
    return false
  end
  self.take, self.pool, self.source_start = index, self.takes[index].pool, self.takes[index].start
  return true
end

local function item(pool, start, duration, source_start)
  return {
    methods = item_methods, id = new_id(), pool = pool, start = start, duration = duration,
    source_start = source_start, markers = {}, takes = {}, take = 0,
    since = { GetNodeGraph = { 19 }, GetSourceStartTime = { 19, 0, 2 }, GetSourceEndTime = { 19, 0, 2 } },
  }
end

local function timecode(frame)
  local nominal = math.ceil(scene.rate)
  local seconds = math.floor(frame / nominal)
  return string.format(
    "%02d:%02d:%02d:%02d", math.floor(seconds / 3600), math.floor(seconds / 60) % 60, seconds % 60,
    frame % nominal
  )
end

local timeline_methods = marked({})
function timeline_methods:GetName() return "Timeline 1" end
function timeline_methods:GetStartFrame() return scene.start_frame end
function timeline_methods:GetEndFrame()
  local last = scene.start_frame
  for _, track in ipairs(self.tracks) do
    for _, one in ipairs(track.items) do
      last = math.max(last, one.start + one.duration)
    end
  end
  return last
end
function timeline_methods:GetStartTimecode() return timecode(scene.start_frame) end
function timeline_methods:GetCurrentTimecode() return timecode(scene.start_frame + playhead) end
function timeline_methods:SetCurrentTimecode(text)
  local hours, minutes, seconds, frames = text:match("(%d+):(%d+):(%d+)[:;](%d+)")
  local nominal = math.ceil(scene.rate)
  playhead = ((hours * 60 + minutes) * 60 + seconds) * nominal + frames - scene.start_frame
  return true
end
function timeline_methods:GetSetting(key)
  local known = {
    timelineFrameRate = tostring(scene.rate_text), timelineDropFrameTimecode = "0",
    timelineResolutionWidth = "64", timelineResolutionHeight = "36",
  }
  return known[key] or ""
end
function timeline_methods:GetTrackCount(kind) return kind == "video" and #self.tracks or 1 end
function timeline_methods:GetTrackName(_, index) return self.tracks[index] and self.tracks[index].name end
function timeline_methods:SetTrackName(_, index, name)
  self.tracks[index].name = name
  return true
end
function timeline_methods:AddTrack(_, options)
  local index = type(options) == "table" and at_least(19, 1) and options.index or #self.tracks + 1
  table.insert(self.tracks, index, { name = "Video " .. #self.tracks + 1, items = {}, enabled = true })
  return true
end
function timeline_methods:DeleteTrack(_, index)
  table.remove(self.tracks, index)
  return true
end
function timeline_methods:GetIsTrackEnabled(_, index) return self.tracks[index].enabled end
function timeline_methods:SetTrackEnable(_, index, enabled)
  if page ~= "edit" then
    return false
  end
  self.tracks[index].enabled = enabled
  return true
end
function timeline_methods:GetIsTrackLocked(_, index) return self.tracks[index].locked or false end
function timeline_methods:GetItemListInTrack(_, index)
  local track = self.tracks[index]
  return track and handles(track.items) or {}
end
function timeline_methods:GetSelectedClips() return handles(self.selected) end
function timeline_methods:GetMarkInOut() return self.marks end
function timeline_methods:SetMarkInOut(first, last)
  self.marks = { video = { ["in"] = first, out = last } }
  return true
end
function timeline_methods:ClearMarkInOut()
  self.marks = {}
  return true
end
function timeline_methods:DeleteClips(list)
  for _, track in ipairs(self.tracks) do
    for index = #track.items, 1, -1 do
      for _, gone in ipairs(list) do
        if insides[gone] == track.items[index] then
          table.remove(track.items, index)
          break
        end
      end
    end
  end
  return true
end

timeline = {
  methods = timeline_methods, tracks = {}, markers = {}, marks = {}, selected = {},
  since = { GetSelectedClips = { 21, 0, 4 }, GetMarkInOut = { 19, 1 }, SetMarkInOut = { 19, 1 },
    ClearMarkInOut = { 19, 1 } },
}
for index, name in ipairs(scene.track_names) do
  timeline.tracks[index] = { name = name, items = {}, enabled = true }
end
for _, clip in ipairs(scene.clips) do
  local media = pool_item(clip.media)
  master.clips[#master.clips + 1] = media
  local placed = item(media, scene.start_frame + clip.start, clip.frame_count, clip.source_start)
  local items = timeline.tracks[clip.track].items
  items[#items + 1] = placed
  if clip.is_selected then
    timeline.selected[#timeline.selected + 1] = placed
  end
  for frame, name in pairs(clip.markers) do
    item_methods.AddMarker(placed, frame, "Green", name, "", 1)
  end
end

local pool_methods = {}
function pool_methods:GetRootFolder() return handle(master) end
function pool_methods:GetCurrentFolder() return handle(current_folder) end
function pool_methods:SetCurrentFolder(wanted)
  current_folder = insides[wanted]
  return true
end
function pool_methods:AddSubFolder(parent, name)
  local made = folder(name)
  table.insert(insides[parent].folders, made)
  current_folder = made
  return handle(made)
end
function pool_methods:ImportMedia(paths)
  local imported = {}
  for _, path in ipairs(paths) do
    local made = pool_item(path)
    if made then
      table.insert(current_folder.clips, made)
      imported[#imported + 1] = handle(made)
    end
  end
  return imported
end
function pool_methods:AppendToTimeline(infos)
  local placed = {}
  for _, info in ipairs(infos) do
    local media, track = insides[info.mediaPoolItem], timeline.tracks[info.trackIndex]
    local first, last = info.startFrame or 0, info.endFrame or media.frames
    local is_refused = at_least(19, 1) and not at_least(19, 2) and info.endFrame == media.frames
    local is_free = track and not track.locked and not is_refused
    local length = math.floor((last - first) * scene.rate / media.fps + 1e-9)
    for _, other in ipairs(track and track.items or {}) do
      local apart = other.start + other.duration <= info.recordFrame
        or info.recordFrame + length <= other.start
      is_free = is_free and apart
    end
    if is_free then
      local made = item(media, info.recordFrame, length, first)
      table.insert(track.items, made)
      placed[#placed + 1] = handle(made)
    end
  end
  return placed
end
local media_pool = { methods = pool_methods }

-- Project and Deliver page: renders copy a file that the test made.

local codec, job, is_running, settings = { "unknown", "unknown" }, nil, false, {}
local project_methods = {}
function project_methods:GetName() return "Fake project" end
function project_methods:GetMediaPool() return handle(media_pool) end
function project_methods:GetCurrentTimeline() return handle(timeline) end
function project_methods:SetCurrentTimeline(wanted) return insides[wanted] == timeline end
function project_methods:ExportCurrentFrameAsStill() return false end
function project_methods:GetRenderCodecs(container)
  return container == "mov" and { ["Apple ProRes 422 HQ"] = "ProRes422HQ" } or {}
end
function project_methods:GetCurrentRenderFormatAndCodec() return { format = codec[1], codec = codec[2] } end
function project_methods:SetCurrentRenderFormatAndCodec(container, id)
  codec = { container, id }
  return true
end
function project_methods:GetCurrentRenderMode() return 1 end
function project_methods:SetCurrentRenderMode() return true end
function project_methods:GetRenderPresetList() return { "H.264 Master" } end
function project_methods:LoadRenderPreset() return true end
function project_methods:SaveAsNewRenderPreset() return true end
function project_methods:DeleteRenderPreset() return true end
function project_methods:SetRenderSettings(wanted)
  settings = wanted
  return wanted.MarkIn == math.floor(wanted.MarkIn)
end
function project_methods:AddRenderJob()
  job = page == "deliver" and { percent = 0 } or nil
  return job and "job-1" or ""
end
function project_methods:StartRendering() is_running = true return true end
function project_methods:IsRenderingInProgress()
  job.percent = job.percent + 50
  if is_running and job.percent >= 100 then
    is_running = false
    local from = io.open(scene.render_file, "rb")
    local to = io.open(settings.TargetDir .. "/" .. settings.CustomName .. ".mov", "wb")
    to:write(from:read("*a"))
    to:close()
    from:close()
  end
  return is_running
end
function project_methods:GetRenderJobStatus() return { JobStatus = "Fertig", CompletionPercentage = job.percent } end
function project_methods:StopRendering() is_running = false end
function project_methods:DeleteRenderJob() return true end
local project = { methods = project_methods, since = { DeleteRenderPreset = { 19, 1 } } }

local manager = { methods = { GetCurrentProject = function() return handle(project) end } }
local resolve_methods = {}
function resolve_methods:GetProductName() return scene.product end
function resolve_methods:GetVersion() return { VERSION[1], VERSION[2], VERSION[3] or 0, VERSION[4] or 0, "" } end
function resolve_methods:GetVersionString() return table.concat(VERSION, ".") end
function resolve_methods:GetCurrentPage() return page end
function resolve_methods:OpenPage(name) page = name return true end
function resolve_methods:GetProjectManager() return handle(manager) end

resolve = handle({ methods = resolve_methods })
bmd = { wait = function(seconds) os.execute("sleep " .. seconds) end }

local function dump()
  local lines = {}
  for _, track in ipairs(timeline.tracks) do
    for _, one in ipairs(track.items) do
      lines[#lines + 1] = table.concat(
        { track.name, one.start, one.duration, one.source_start, one.pool.path, one.take }, "\t"
      )
    end
  end
  local file = io.open(arg[2], "wb")
  file:write(table.concat(lines, "\n"))
  file:close()
end

dofile(arg[3])
dump()
