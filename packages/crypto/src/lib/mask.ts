/** `ada.lovelace@example.com` as `a***@example.com`; without a sensible @, all stars. */
export function maskEmail(email: string): string {
  const at = email.lastIndexOf('@')
  return at < 1 || at === email.length - 1 ? '***' : `${firstOf(email)}***${email.slice(at)}`
}

/** `+49 151 1234 5678` as `+49 *** *** 5678`: the calling code's sign and first two digits where there are enough others, and the last four. */
export function maskPhone(phone: string): string {
  const digits = phone.replaceAll(/\D/g, '')
  if (digits.length < 8) return '***'
  return `${phone.trimStart().startsWith('+') ? `+${digits.slice(0, 2)} ` : ''}*** *** ${digits.slice(-4)}`
}

/** `4111 1111 1111 1111` as `**** **** **** 1111`. */
export function maskCard(card: string): string {
  const digits = card.replaceAll(/\D/g, '')
  return digits.length < 12 ? '****' : `**** **** **** ${digits.slice(-4)}`
}

/** All but the last four characters as stars; nothing of what is not longer than eight. */
export function maskLastFour(text: string): string {
  const characters = [...text]
  return characters.length <= 8 ? '****' : `****${characters.slice(-4).join('')}`
}

function firstOf(text: string): string {
  return [...text][0] as string
}
