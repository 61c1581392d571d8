"""Which methods each of Resolve's objects shows in `dir()`, by version.

From the vendor's readmes and the public version maps in the reference notes (resolve.md, 1.3, 1.11
and 1.12). What has no first version there counts as always present.
"""

from __future__ import annotations

Version = tuple[int, ...]
ALWAYS: Version = (0,)


def _table(always: str, **since: str) -> dict[str, Version]:
    table = dict.fromkeys(always.split(), ALWAYS)
    for number, names in since.items():
        version = tuple(int(part) for part in number.removeprefix("v").split("_"))
        table |= dict.fromkeys(names.split(), version)
    return table


MARKERS = (
    "AddMarker GetMarkers GetMarkerByCustomData UpdateMarkerCustomData GetMarkerCustomData "
    "DeleteMarkersByColor DeleteMarkerAtFrame DeleteMarkerByCustomData "
)
FLAGS = "AddFlag GetFlagList ClearFlags GetClipColor SetClipColor ClearClipColor "

METHODS: dict[str, dict[str, Version]] = {
    "Resolve": _table(
        "Fusion GetMediaStorage GetProjectManager Quit OpenPage GetCurrentPage GetProductName "
        "GetVersion GetVersionString LoadLayoutPreset SaveLayoutPreset ExportLayoutPreset "
        "DeleteLayoutPreset UpdateLayoutPreset ImportLayoutPreset",
        v18_6="ImportRenderPreset ExportRenderPreset ImportBurnInPreset ExportBurnInPreset",
        v19_0="GetKeyframeMode SetKeyframeMode",
        v20_3="GetFairlightPresets",
    ),
    "ProjectManager": _table(
        "GetCurrentProject LoadProject CloseProject GetProjectListInCurrentFolder CreateProject "
        "SaveProject DeleteProject GetCurrentDatabase GetDatabaseList GetFolderListInCurrentFolder "
        "GetCurrentFolder ExportProject ImportProject ArchiveProject RestoreProject "
        "SetCurrentDatabase GotoRootFolder GotoParentFolder OpenFolder CreateFolder DeleteFolder"
    ),
    "Project": _table(
        "GetMediaPool GetTimelineCount GetTimelineByIndex GetCurrentTimeline SetCurrentTimeline "
        "GetName SetName GetGallery GetSetting SetSetting GetUniqueId GetRenderFormats "
        "GetRenderCodecs SetCurrentRenderFormatAndCodec GetCurrentRenderFormatAndCodec "
        "GetRenderResolutions GetCurrentRenderMode SetCurrentRenderMode LoadRenderPreset "
        "SaveAsNewRenderPreset GetRenderPresetList SetRenderSettings AddRenderJob GetRenderJobList "
        "StartRendering IsRenderingInProgress GetRenderJobStatus StopRendering DeleteRenderJob "
        "DeleteAllRenderJobs GetPresetList SetPreset RefreshLUTList GetColorGroupsList "
        "AddColorGroup DeleteColorGroup",
        v18_5="ExportCurrentFrameAsStill",
        v19_1="RenderWithQuickExport GetQuickExportRenderPresets DeleteRenderPreset",
    ),
    "MediaStorage": _table(
        "GetMountedVolumeList GetSubFolderList GetFileList AddItemListToMediaPool RevealInStorage"
    ),
    "MediaPool": _table(
        "GetRootFolder GetCurrentFolder SetCurrentFolder AddSubFolder DeleteFolders "
        "CreateEmptyTimeline AppendToTimeline CreateTimelineFromClips ImportTimelineFromFile "
        "DeleteTimelines ImportMedia DeleteClips MoveClips MoveFolders RelinkClips UnlinkClips "
        "GetUniqueId RefreshFolders",
        v19_0_2="GetSelectedClips SetSelectedClip",
        v19_1="AutoSyncAudio",
    ),
    "Folder": _table("GetClipList GetSubFolderList GetName GetUniqueId", v18_5="Export"),
    "MediaPoolItem": _table(
        MARKERS
        + FLAGS
        + "GetName GetMetadata SetMetadata GetMediaId GetUniqueId GetClipProperty SetClipProperty "
        "LinkProxyMedia UnlinkProxyMedia ReplaceClip TranscribeAudio ClearTranscription",
        v19_0="GetAudioMapping",
        v19_0_2="GetThirdPartyMetadata SetThirdPartyMetadata",
        v19_1="GetMarkInOut SetMarkInOut ClearMarkInOut",
        v20_0="LinkFullResolutionMedia ReplaceClipPreserveSubClip MonitorGrowingFile",
        v20_2="SetName",
        v21_0_4="GetTimeline",
        v21_1="ExportFrame",
    ),
    "Timeline": _table(
        MARKERS + "GetName SetName GetStartFrame GetEndFrame GetStartTimecode SetStartTimecode "
        "GetTrackCount GetTrackName SetTrackName GetItemListInTrack GetItemsInTrack "
        "GetCurrentTimecode SetCurrentTimecode GetCurrentVideoItem GetCurrentClipThumbnailImage "
        "DuplicateTimeline CreateCompoundClip CreateFusionClip Export GetSetting SetSetting "
        "GrabStill GrabAllStills GetUniqueId InsertTitleIntoTimeline InsertGeneratorIntoTimeline "
        "InsertFusionTitleIntoTimeline ImportIntoTimeline",
        v18_5="AddTrack DeleteTrack SetTrackEnable GetIsTrackEnabled SetTrackLock GetIsTrackLocked "
        "DeleteClips SetClipsLinked DetectSceneCuts CreateSubtitlesFromAudio",
        v19_0_1="GetTrackSubType",
        v19_1="GetMarkInOut SetMarkInOut ClearMarkInOut GetMediaPoolItem",
        v21_0_4="GetSelectedClips",
        v21_1="DeleteGaps ExportFrame",
    ),
    "TimelineItem": _table(
        MARKERS
        + FLAGS
        + "GetName GetStart GetEnd GetDuration GetLeftOffset GetRightOffset GetMediaPoolItem "
        "GetUniqueId GetProperty SetProperty AddTake GetTakesCount GetSelectedTakeIndex "
        "GetTakeByIndex SelectTakeByIndex DeleteTakeByIndex FinalizeTake AddVersion "
        "GetCurrentVersion AddFusionComp GetFusionCompCount GetFusionCompByIndex "
        "GetFusionCompNameList DeleteFusionCompByName CopyGrades SetCDL Stabilize SmartReframe "
        "CreateMagicMask RegenerateMagicMask UpdateSidecar",
        v18_5="SetClipEnabled GetClipEnabled",
        v19_0="GetTrackTypeAndIndex GetLinkedItems GetNodeGraph",
        v19_0_2="GetSourceStartFrame GetSourceEndFrame GetSourceStartTime GetSourceEndTime",
        v20_2="SetName ResetAllNodeColors",
        v21_1="GetSpeed SetSpeed GetFades SetFades AddTransition ExportFrame",
    ),
    "Graph": _table(
        "GetNumNodes GetLUT SetLUT GetNodeLabel GetToolsInNode SetNodeEnabled ResetAllGrades"
    ),
    "Gallery": _table("GetGalleryStillAlbums GetCurrentStillAlbum SetCurrentStillAlbum"),
    "GalleryStillAlbum": _table("GetStills ExportStills ImportStills"),
    "Fusion": _table("GetCurrentComp RequestFile RequestDir"),
}


def methods_of(kind: str, version: Version) -> list[str]:
    """Names in `dir()` of such an object on a build."""
    return sorted(name for name, since in METHODS[kind].items() if since <= version)
