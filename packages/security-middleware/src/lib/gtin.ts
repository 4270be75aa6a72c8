/** Whether a text is a GTIN-8, -12 (UPC), -13 (EAN, ISBN) or -14 with its check digit (GS1 General Specifications, 7.9). */
export function isGtin(text: string): boolean {
  if (!/^(?:\d{8}|\d{12,14})$/.test(text)) return false
  let sum = 0
  for (let i = 0; i < text.length - 1; i++) sum += Number(text[text.length - 2 - i]) * (i % 2 === 0 ? 3 : 1)
  return (10 - (sum % 10)) % 10 === Number(text.at(-1))
}
