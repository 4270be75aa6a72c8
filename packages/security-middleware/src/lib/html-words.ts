import { WordTable } from './word-table.ts'

/** What an element's name means for a value that should be text. */
export const Tag = {
  /** Runs code, loads a document or changes the page's own rules: never wanted in a value. */
  active: 1,
  /** The frame of a document: only an injection opens or closes it inside a value. */
  frame: 2,
  /** Active when it carries certain attributes. */
  animate: 3,
  /** `<meta`, `<link`, `<base`, `<form`, `<param` …: active with any attribute. */
  attributed: 4,
} as const

/** Elements that matter; all others count by their attributes alone. */
export const tags: WordTable = new WordTable([
  [
    Tag.active,
    'script iframe frameset bgsound isindex ilayer vmlframe plaintext noembed noframes fencedframe svg math',
  ],
  [Tag.frame, 'body html head'],
  [Tag.animate, 'set animate animatetransform animatemotion maction'],
  [
    Tag.attributed,
    'meta link base param style t frame object embed applet layer xml import keygen xss foreignobject handler listener portal xmp noscript',
  ],
])

/** Events whose handlers occur in documents; any other `on…` name counts when its value is script. */
export const eventHandlers: WordTable = new WordTable([
  [
    1,
    'onabort onactivate onafterprint onafterupdate onanimationend onanimationiteration onanimationstart onauxclick onbeforeactivate onbeforecopy onbeforecut onbeforeeditfocus onbeforeinput onbeforepaste onbeforeprint onbeforescriptexecute onafterscriptexecute onbeforetoggle onbeforeunload onbegin onblur onbounce oncancel oncanplay oncanplaythrough oncellchange onchange onclick onclose oncontextmenu oncopy oncuechange oncut ondblclick ondeactivate ondrag ondragend ondragenter ondragexit ondragleave ondragover ondragstart ondrop ondurationchange onemptied onend onended onerror onfilterchange onfinish onfocus onfocusin onfocusout onformdata onfullscreenchange ongotpointercapture onhashchange onhelp oninput oninvalid onkeydown onkeypress onkeyup onlayoutcomplete onload onloadeddata onloadedmetadata onloadend onloadstart onlosecapture onlostpointercapture onmessage onmousedown onmouseenter onmouseleave onmousemove onmouseout onmouseover onmouseup onmousewheel onmove onmozfullscreenchange onoffline ononline onorientationchange onoutofsync onpagehide onpageshow onpaste onpause onplay onplaying onpointercancel onpointerdown onpointerenter onpointerleave onpointermove onpointerout onpointerover onpointerrawupdate onpointerup onpopstate onprogress onpropertychange onratechange onreadystatechange onrepeat onreset onresize onresizeend onresizestart onresume onreverse onrowenter onrowexit onscroll onscrollend onsearch onsecuritypolicyviolation onseek onseeked onseeking onselect onselectionchange onselectstart onshow onslotchange onstalled onstart onstop onstorage onsubmit onsuspend onsyncrestored ontimeupdate ontoggle ontouchcancel ontouchend ontouchmove ontouchstart ontrackchange ontransitioncancel ontransitionend ontransitionrun ontransitionstart onunhandledrejection onunload onurlflip onvolumechange onwaiting onwebkitanimationend onwebkitanimationiteration onwebkitanimationstart onwebkitmouseforcechanged onwebkittransitionend onwebkitwillrevealbottom onwheel onzoom onx',
  ],
])

/** Schemes that run or carry script. */
export const scriptSchemes: WordTable = new WordTable([
  [1, 'javascript vbscript livescript mocha vbs jscript'],
  [2, 'data'],
  [3, 'mhtml jar view-source feed firefoxurl'],
])

/** Names whose call runs, shows or fetches something. */
export const scriptCalls: WordTable = new WordTable([
  [
    1,
    'alert confirm prompt eval settimeout setinterval setimmediate execscript msgbox atob btoa unescape importscripts showmodaldialog generatecrmfrequest',
  ],
  [2, 'fetch function open write writeln getscript print fromcharcode fromcodepoint sendbeacon'],
])
