/** Active ISO 4217 currencies by the number of decimals of their minor unit (the standard's list one). */
const byExponent: Readonly<Record<number, string>> = {
  0: 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF',
  2: `AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP
CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR
KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN
PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD
TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG`,
  3: 'BHD IQD JOD KWD LYD OMR TND',
  4: 'CLF UYW',
}

const exponents = new Map(
  Object.entries(byExponent).flatMap(([exponent, codes]) =>
    codes.split(/\s+/).map((code) => [code, Number(exponent)] as const),
  ),
)

/** The decimals of a currency's minor unit: 2 for EUR, 0 for JPY, 3 for KWD; undefined for what is no currency. */
export function currencyExponent(code: string): number | undefined {
  return exponents.get(code)
}

/** A decimal text in minor units: `'19.99'` EUR is 1999. Undefined when it has more decimals than the currency, or is out of range. */
export function toMinorUnits(decimal: string, exponent: number): number | undefined {
  const parts = /^(-?)(\d{1,15})(?:\.(\d+))?$/.exec(decimal)
  const fraction = parts?.[3] ?? ''
  if (!parts || fraction.length > exponent) return undefined
  const minor = Number(parts[2]! + fraction.padEnd(exponent, '0'))
  return Number.isSafeInteger(minor) ? (parts[1] && minor !== 0 ? -minor : minor) : undefined
}
