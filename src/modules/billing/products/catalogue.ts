import { accessErrors, type Ctx } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { errors } from '../errors.ts'
import { findPort } from '../service/clients.ts'
import { readSigned, signQuote } from '../service/quotes.ts'
import * as bills from '../store.ts'
import type { ProductBody } from './model.ts'
import * as store from './store.ts'

/** Only a resident who signed in orders anything, and only under an account that is their own. */
export const ownPayer = ({ actor }: Ctx): Result<string> =>
  actor.kind === 'resident'
    ? ok(`resident:${actor.id}`)
    : fail(actor.kind === 'anonymous' ? accessErrors.sign_in_first : accessErrors.denied)

/** What an offer was signed for: the version shown, at the price shown. */
export interface ProductQuote {
  readonly tenantId: number
  readonly accountId: string
  readonly product: string
  readonly version: string
  readonly amountFen: number
  readonly until: number
}

export interface Offer {
  readonly product: ProductBody
  readonly quote: string
}

export interface Offers {
  readonly biller: bills.BillerRow
  readonly account: bills.BindingRow
  readonly offers: readonly Offer[]
}

/** Accounts of the caller under which something can be ordered: kept as one's own, of a biller that offers products. */
export async function listOrderable(ctx: Ctx): Promise<Result<readonly { account: bills.BindingRow; biller: bills.BillerRow }[]>> {
  const payer = ownPayer(ctx)
  if (!payer.ok) return payer
  return ctx.kernel.db.read(ctx.tenantId, async tx => {
    const billers = new Map((await bills.listBillers(tx, ctx.tenantId)).map(b => [b.id, b]))
    const kept = await bills.listBindings(tx, ctx.tenantId, [payer.value])
    return ok(
      kept.flatMap(account => {
        const biller = billers.get(account.billerId)
        return biller?.config.products && isOwn(account) ? [{ account, biller }] : []
      }),
    )
  })
}

/** A contract is its holder's to change: who rents or helps pays bills, and nobody orders for a closed account. */
export const isOwn = (account: bills.BindingRow): boolean => account.relation === 'owner' && !account.isClosed

export async function findOwn(tx: Tx, ctx: Ctx, payer: string, accountId: string): Promise<bills.BindingRow | undefined> {
  const account = (await bills.listBindings(tx, ctx.tenantId, [payer])).find(kept => kept.id === accountId)
  return account && isOwn(account) ? account : undefined
}

/**
 * What an account may order now, as its biller lists it at this moment: nothing is offered from memory. Each version is kept
 * word for word; one whose words changed under the same version is not offered, since nobody could say later what was agreed to.
 */
export async function viewOffers(ctx: Ctx, accountId: string): Promise<Result<Offers>> {
  const payer = ownPayer(ctx)
  if (!payer.ok) return payer
  const { tenantId, kernel } = ctx
  const found = await kernel.db.read(tenantId, async tx => {
    const account = await findOwn(tx, ctx, payer.value, accountId)
    const biller = account && (await bills.findBiller(tx, tenantId, account.billerId))
    if (!account || !biller?.config.products) return undefined
    return { account, biller, port: (await findPort(tx, ctx, biller.id))?.products }
  })
  if (!found) return fail(errors.account_not_found)
  const { account, biller, port } = found
  const answer = await port?.list(account.accountNo)
  if (answer?.kind !== 'products') {
    kernel.log.warn({ biller: biller.id, why: answer?.why ?? 'no way to it' }, 'a biller did not say what it offers')
    return fail(errors.product_offline)
  }
  const known = await keep(ctx, biller.id, answer.products)
  const dropped = answer.refused + answer.products.length - known.length
  if (dropped > 0) kernel.log.warn({ biller: biller.id, dropped }, 'products not offered: incomplete, or changed under the same version')
  const offers = known.map(product => {
    const body = { accountId, product: product.code, version: product.version, amountFen: product.price_fen }
    return { product, quote: signQuote(ctx, 'billing.product_quote', body) }
  })
  return ok({ biller, account, offers })
}

/** What a page showed and signed, for whoever agrees to it: its words are those of the version kept, whatever the biller lists by now. */
export async function readOffer(
  ctx: Ctx,
  quoteText: string,
): Promise<Result<{ quote: ProductQuote; biller: bills.BillerRow; account: bills.BindingRow; product: ProductBody }>> {
  const payer = ownPayer(ctx)
  if (!payer.ok) return payer
  const quote = readSigned<ProductQuote>(ctx, 'billing.product_quote', quoteText)
  if (!quote.ok) return quote
  return ctx.kernel.db.read(ctx.tenantId, async tx => {
    const account = await findOwn(tx, ctx, payer.value, quote.value.accountId)
    const biller = account && (await bills.findBiller(tx, ctx.tenantId, account.billerId))
    if (!account || !biller) return fail(errors.account_not_found)
    const found = await store.findProduct(tx, ctx.tenantId, biller.id, quote.value.product, quote.value.version)
    return found?.body.price_fen === quote.value.amountFen
      ? ok({ quote: quote.value, biller, account, product: found.body })
      : fail(errors.product_not_found)
  })
}

async function keep(ctx: Ctx, billerId: string, listed: readonly ProductBody[]): Promise<ProductBody[]> {
  const { tenantId, kernel } = ctx
  if (listed.length === 0) return []
  const asKnown = (tx: Tx) => store.listKnown(tx, tenantId, billerId, listed)
  let known = await kernel.db.read(tenantId, asKnown)
  if (known.length < listed.length)
    known = await kernel.db.tx(tenantId, async tx => {
      await store.insertProducts(tx, tenantId, billerId, listed, kernel.clock.now())
      return asKnown(tx)
    })
  const codes = new Set(known.map(({ code }) => code))
  return listed.filter(({ code }) => codes.has(code))
}
