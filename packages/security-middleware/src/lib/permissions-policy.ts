import { SecurityError } from './errors.ts'
import { originOf } from './origin.ts'

const features = [
  'accelerometer',
  'autoplay',
  'bluetooth',
  'browsing-topics',
  'camera',
  'clipboard-read',
  'clipboard-write',
  'display-capture',
  'encrypted-media',
  'fullscreen',
  'geolocation',
  'gyroscope',
  'hid',
  'identity-credentials-get',
  'idle-detection',
  'local-fonts',
  'magnetometer',
  'microphone',
  'midi',
  'otp-credentials',
  'payment',
  'picture-in-picture',
  'publickey-credentials-create',
  'publickey-credentials-get',
  'screen-wake-lock',
  'serial',
  'storage-access',
  'usb',
  'web-share',
  'window-management',
  'xr-spatial-tracking',
] as const

/** A feature that a Permissions-Policy governs. */
export type PermissionsFeature = (typeof features)[number]

/** Who may use a feature: `[]` nobody, `'*'` everybody, else `'self'` and origins. `false` takes the feature out of the header. */
export type PermissionsPolicy = {
  readonly [F in PermissionsFeature]?: '*' | false | readonly ('self' | `https://${string}` | `http://${string}`)[]
}

/** What a shop that sells in a browser does not need, off; paying, its own. */
export const quietPermissions: PermissionsPolicy = {
  accelerometer: [],
  'browsing-topics': [],
  camera: [],
  'display-capture': [],
  geolocation: [],
  gyroscope: [],
  hid: [],
  'idle-detection': [],
  'local-fonts': [],
  magnetometer: [],
  microphone: [],
  midi: [],
  payment: ['self'],
  serial: [],
  usb: [],
  'window-management': [],
  'xr-spatial-tracking': [],
}

/**
 * The header: a structured-field dictionary (RFC 9651) of feature to allow-list.
 * @throws ERR_SHOP_SECURITY_PERMISSION
 */
export function permissionsHeader(policy: PermissionsPolicy): string {
  return Object.entries(policy)
    .filter(([, allow]) => allow !== false && allow !== undefined)
    .map(([feature, allow]) => `${known(feature)}=${list(feature, allow as '*' | readonly string[])}`)
    .join(', ')
}

function known(feature: string): string {
  if ((features as readonly string[]).includes(feature)) return feature
  throw new SecurityError(
    'ERR_SHOP_SECURITY_PERMISSION',
    `permissions has ${JSON.stringify(feature)}, which is no feature that browsers know.`,
  )
}

function list(feature: string, allow: '*' | readonly string[]): string {
  if (allow === '*') return '*'
  const members = Array.isArray(allow)
    ? allow.map((member) => (member === 'self' ? 'self' : originOf(member) && `"${member}"`))
    : [undefined]
  if (!members.includes(undefined)) return `(${members.join(' ')})`
  throw new SecurityError(
    'ERR_SHOP_SECURITY_PERMISSION',
    `permissions.${feature} is ${JSON.stringify(allow)}, and must be "*" or a list of "self" and origins such as "https://js.stripe.com".`,
  )
}
