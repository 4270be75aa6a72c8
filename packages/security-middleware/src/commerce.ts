export {
  currency,
  decimalMoney,
  email,
  emptyToUndefined,
  gtin,
  iban,
  money,
  pagination,
  paragraph,
  phone,
  postalAddress,
  postalCode,
  searchText,
  sku,
  text,
  vatNumber,
  type Money,
  type MoneyBounds,
  type Schema,
} from './lib/commerce-schemas.ts'
export { currencyExponent, toMinorUnits } from './lib/iso4217.ts'
export { postalCountries, type PostalCountry } from './lib/postal-code.ts'
