const euros = new Intl.NumberFormat('en-IE', { style: 'currency', currency: 'EUR' })
const roundEuros = new Intl.NumberFormat('en-IE', { style: 'currency', currency: 'EUR', maximumFractionDigits: 0 })

/** `129900` → `€1,299.00`. Money is whole cents everywhere else. */
export const price = (cents: number): string => euros.format(cents / 100)

/** For charts and tiles: `129949` → `€1,299`. */
export const roundPrice = (cents: number): string => roundEuros.format(cents / 100)
