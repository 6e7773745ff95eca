import type { Ctx } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { fail, unwrap } from '#kernel/result.ts'
import { mapBalances } from '#modules/ledger/index.ts'
import { errors } from '../errors.ts'
import * as store from './store.ts'

/** What is held, as of this instant: the ledger knows, nothing else keeps it. Fen. */
export async function balanceOf(tx: Tx, tenantId: number, { ledgerAccountId }: store.PrepaidRow): Promise<number> {
  return 0 - ((await mapBalances(tx, tenantId, [ledgerAccountId])).get(ledgerAccountId) ?? 0)
}

/** After something was taken from an account: had it been held in advance, and more than there was, all of it is undone. */
export async function guardPrepaid(tx: Tx, ctx: Ctx, ledgerAccountId: number): Promise<void> {
  const row = await store.lockPrepaidOf(tx, ctx.tenantId, ledgerAccountId)
  if (row && (await balanceOf(tx, ctx.tenantId, row)) < 0) unwrap(fail(errors.prepaid_too_little))
}
