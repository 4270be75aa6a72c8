import type { Database } from './database.ts'
import type { Session } from './session.ts'

export const statuses = ['pending', 'paid', 'shipped', 'delivered', 'cancelled', 'refunded'] as const
export type Status = (typeof statuses)[number]

export interface Order {
  readonly id: number
  readonly customerId: number
  readonly status: Status
  readonly totalCents: number
  readonly createdAt: Date
  readonly paidAt: Date | null
}

export interface OrderLine {
  readonly slug: string
  readonly name: string
  readonly art: string
  readonly hue: number
  readonly quantity: number
  readonly unitCents: number
}

const columns = `o.id, o.customer_id as "customerId", o.status, o.total_cents as "totalCents",
  o.created_at as "createdAt", o.paid_at as "paidAt"`

export const ordersOf = (db: Database, customerId: number): Promise<Order[]> =>
  db.rows(`select ${columns} from orders o where customer_id = $1 order by created_at desc, id desc limit 50`, [
    customerId,
  ])

/** An order, for those who placed it and for staff; to anybody else it does not exist. */
export const findOrder = (db: Database, id: number, session: Session): Promise<Order | undefined> =>
  db.row(`select ${columns} from orders o where id = $1 and (customer_id = $2 or session_id = $3 or $4)`, [
    id,
    session.customerId ?? null,
    session.id ?? null,
    session.staff,
  ])

export const orderLines = (db: Database, orderId: number): Promise<OrderLine[]> =>
  db.rows(
    `select p.slug, p.brand || ' ' || p.name as name, c.art, p.hue, i.quantity, i.unit_cents as "unitCents"
     from order_items i join products p on p.id = i.product_id join categories c on c.id = p.category_id
     where i.order_id = $1 order by p.id`,
    [orderId],
  )

export const recentOrders = (db: Database, status: Status | undefined): Promise<(Order & { customer: string })[]> =>
  db.rows(
    `select ${columns}, c.name as customer from orders o join customers c on c.id = o.customer_id
     where $1::text is null or o.status = $1 order by o.created_at desc, o.id desc limit 50`,
    [status ?? null],
  )

/** What staff may make of an order; anything else is refused by the query. */
export const nextStatuses: Readonly<Record<Status, readonly Status[]>> = {
  pending: ['cancelled'],
  paid: ['shipped', 'refunded'],
  shipped: ['delivered', 'refunded'],
  delivered: ['refunded'],
  cancelled: [],
  refunded: [],
}
