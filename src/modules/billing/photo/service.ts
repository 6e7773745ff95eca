import { publicUrl } from '#kernel/config.ts'
import type { Ctx } from '#kernel/context.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { errors } from '../errors.ts'
import * as store from '../store.ts'
import { knownBiller } from './billers.ts'
import { type ReadBill, readFields } from './fields.ts'
import type { PhotoReader } from './reader.ts'

/** Mean light below which a page without print is called dark rather than empty. */
const DARK = 45

export interface BillPhoto {
  /** The bill's own code was on the page; nothing else was read then. */
  readonly code?: string
  readonly bill: ReadBill
}

/**
 * Reads a bill off a picture. Nothing of the picture is kept, and nothing of what is read is believed: the resident looks
 * over it, and the account is asked for the way a typed one is.
 */
export async function readBillPhoto(ctx: Ctx, reader: PhotoReader, bytes: Buffer): Promise<Result<BillPhoto>> {
  const read = await readCounted(ctx, reader, bytes)
  ctx.kernel.metrics
    .counter('yimen_photos_total', 'Pictures of bills by what became of them', ['outcome'])
    .inc({ outcome: read.ok ? (read.value.code ? 'code' : 'read') : read.error.code.replace('billing.photo_', '') })
  return read
}

async function readCounted(ctx: Ctx, reader: PhotoReader, bytes: Buffer): Promise<Result<BillPhoto>> {
  const prefix = `${publicUrl(ctx.kernel.config)}/b/`
  const page = await reader.read(bytes, prefix)
  if (!page.ok) return page
  const { code, lines, light } = page.value
  const { bill, billers } = await ctx.kernel.db.read(ctx.tenantId, async tx => ({
    bill: code === undefined ? undefined : await store.findBillByCode(tx, ctx.tenantId, code.slice(prefix.length)),
    billers: await store.listBillers(tx, ctx.tenantId),
  }))
  if (bill) return ok({ code: bill.code, bill: {} })
  if (lines.length === 0) return fail(light < DARK ? errors.photo_too_dark : code ? errors.photo_of_no_bill : errors.photo_without_text)
  const found = readFields(lines, billers.map(knownBiller))
  return found.biller || found.accountNo ? ok({ bill: found }) : fail(errors.photo_of_no_bill)
}
