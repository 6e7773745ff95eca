import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { FaultSource } from '../common/faults.ts'
import type { Product, ProductBooks, ProductOrder } from './products.ts'

const word = z.string().min(1).max(64)
const fen = z
  .number()
  .int()
  .min(0)
  .max(10 ** 12)
const orderInput = z.object({ order_no: word, product: word, version: word, account_no: word, amount: fen, ordered_at: z.string() })

/** Accounts of the telecom company look like this; others are offered nothing. */
const TELECOM_ACCOUNT = /^T/

/** What is sold, ordering it, and how an ordering stands: all under the caller's own number. */
export function addProductRoutes(signed: FastifyInstance, books: ProductBooks, faults: FaultSource): void {
  const lied = new Set<string>()
  /** An order carried out already is told as only accepted, once: answers overtake each other. */
  const told = (order: ProductOrder): ProductOrder => {
    if (order.state !== 'DONE' || lied.has(order.order_no) || !faults.strikes('lie_then_correct')) return order
    lied.add(order.order_no)
    return { ...order, state: 'ACCEPTED' }
  }
  signed.get('/v1/products', async (request, reply) => {
    const account = (request.query as Record<string, string | undefined>).account_no
    if (!account) return reply.status(400).send({ code: 'account_missing', message: 'account_no' })
    return { products: TELECOM_ACCOUNT.test(account) ? books.list() : [] }
  })
  signed.post('/v1/product-orders', async (request, reply) => {
    const input = orderInput.safeParse(request.body)
    if (!input.success) return reply.status(400).send({ code: 'order_bad', message: z.prettifyError(input.error) })
    const { ordered_at: _, ...order } = input.data
    const result = books.order(order, { refuse: faults.strikes('reject'), isSlow: faults.strikes('accept_first') })
    if (result.kind === 'conflict') return reply.status(422).send({ code: 'order_conflict', message: 'number used with other content' })
    return reply.status(result.kind === 'new' ? 201 : 200).send(told(result.order))
  })
  signed.get('/v1/product-orders/:no', async (request, reply) => {
    const { no } = request.params as { no: string }
    const order = books.find(no)
    if (!order) return reply.status(404).send({ code: 'order_missing', message: 'no such order' })
    const answer = { ...order }
    // Whoever asks hears how it stood; what was only accepted is carried out after that.
    if (!faults.strikes('accept_first')) books.carryOut(no)
    return told(answer)
  })
  signed.post('/v1/product-orders/:no/cancel', async (request, reply) => {
    const { no } = request.params as { no: string }
    const order = books.cancel(no)
    if (order) return order
    return books.find(no)
      ? reply.status(409).send({ code: 'order_refused', message: 'a refused order has nothing to cancel' })
      : reply.status(404).send({ code: 'order_missing', message: 'no such order' })
  })
}

/** Outside the protocol: what is sold from now on, and the books for an auditor. */
export function controlProducts(app: FastifyInstance, books: ProductBooks): void {
  app.post('/_control/products', async request => {
    books.set((request.body as { products: Product[] }).products)
    return { products: books.list().length }
  })
  app.get('/_control/product-orders', async () => ({ orders: books.orders(), delivered: books.delivered() }))
}
