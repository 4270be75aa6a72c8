/** Every code this package throws, with what it means; the README lists the same ones. */
export const errorCodes = {
  ERR_SHOP___CODE___OPTION: 'an option is unknown or out of its range',
} as const

export type __Name__ErrorCode = keyof typeof errorCodes

export class __Name__Error extends Error {
  override readonly name = '__Name__Error'
  readonly code: __Name__ErrorCode

  constructor(code: __Name__ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
