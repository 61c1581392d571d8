"""Names of the fake's Deliver page; the counts are those captured from 19.1.3.7."""

from __future__ import annotations

AUDIO_ONLY = "Audio Only"
_KNOWN_PRESETS = (
    "H.264 Master",
    "H.265 Master",
    "ProRes 422 HQ",
    "YouTube - 720p",
    "YouTube - 1080p",
    "YouTube - 2160p",
    "Vimeo - 1080p",
    AUDIO_ONLY,
    "IMF",
    "Final Cut Pro 7",
    "Premiere XML",
    "AVID AAF",
    "Pro Tools",
)
PRESETS = (*_KNOWN_PRESETS, *(f"Preset {number}" for number in range(14, 32)))
FORMATS = {
    "QuickTime": "mov",
    "MP4": "mp4",
    "AVI": "avi",
    "BRAW": "braw",
    "Cineon": "cin",
    "DCP": "dcp",
    "DPX": "dpx",
    "EasyDCP": "easydcp",
    "EXR": "exr",
    "GIF": "gif",
    "HLS": "m3u8",
    "IMF": "imf",
    "JPEG 2000": "j2c",
    "MJ2": "mj2",
    "MKV": "mkv",
    "MTS": "mts",
    "MXF OP-Atom": "mxf",
    "MXF OP1A": "mxf_op1a",
    "Panasonic AVC": "pavc",
    "TIFF": "tif",
}
# Descriptions are for people and change between versions; ids do not.
_DESCRIPTIONS = {
    "ProRes422HQ": "Apple ProRes 422 HQ",
    "ProRes422": "Apple ProRes 422",
    "H264": "H.264",
    "DNxHRHQX": "DNxHR HQX",
}
MOV_CODEC_COUNT = 63
# English, German, Spanish, Russian: rendering, complete, failed.
STATUS_WORDS = {
    "en": ("Rendering", "Complete", "Failed"),
    "de": ("Wird gerendert", "Abgeschlossen", "Fehlgeschlagen"),
    "es": ("Renderizando", "Completado", "Fallido"),
    "ru": ("Рендеринг", "Завершено", "Ошибка"),
}
_ALWAYS = (0,)
RENDER_KEYS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(
        [
            "SelectAllFrames",
            "MarkIn",
            "MarkOut",
            "TargetDir",
            "CustomName",
            "UniqueFilenameStyle",
            "ExportVideo",
            "ExportAudio",
            "FormatWidth",
            "FormatHeight",
            "FrameRate",
            "PixelAspectRatio",
            "VideoQuality",
            "AudioCodec",
            "AudioBitDepth",
            "AudioSampleRate",
            "ColorSpaceTag",
            "GammaTag",
            "ExportAlpha",
            "EncodingProfile",
            "MultiPassEncode",
            "AlphaMode",
            "NetworkOptimization",
        ],
        _ALWAYS,
    ),
    **dict.fromkeys(
        ["ClipStartFrame", "TimelineStartTimecode", "ReplaceExistingFilesInPlace"], (19, 1)
    ),
    **dict.fromkeys(["ExportSubtitle", "SubtitleFormat"], (20, 2)),
    **dict.fromkeys(["UseFullExtents", "AddFrameHandles", "DataBurnIn"], (21, 0, 4)),
}


def mov_codecs(available: tuple[str, ...]) -> dict[str, str]:
    """Description -> id; only the number of the others was captured, not their names."""
    known = {_DESCRIPTIONS[one]: one for one in available}
    missing = MOV_CODEC_COUNT - len(known)
    return known | {f"Other codec {n}": f"Other{n:02d}" for n in range(missing)}
