import type { Database } from './database.ts'

export interface Review {
  readonly author: string
  readonly rating: number
  readonly title: string
  /** HTML that has been made harmless when it came in. */
  readonly body: string
  readonly createdAt: Date
}

export const listReviews = (db: Database, productId: number): Promise<Review[]> =>
  db.rows(
    `select author, rating, title, body, created_at as "createdAt" from reviews
     where product_id = $1 order by created_at desc, id desc limit 8`,
    [productId],
  )

/** Stores a review and brings the product's average up to date, both or neither. */
export async function addReview(
  db: Database,
  review: { productId: number; customerId: number; author: string; rating: number; title: string; body: string },
): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.rows(
      `insert into reviews (product_id, customer_id, author, rating, title, body) values ($1, $2, $3, $4, $5, $6)`,
      [review.productId, review.customerId, review.author, review.rating, review.title, review.body],
    )
    await tx.rows(
      'update products set rating = (rating * reviews + $2) / (reviews + 1), reviews = reviews + 1 where id = $1',
      [review.productId, review.rating],
    )
  })
}
