import type { Ctx } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'

/** Carries a finished report out of the transaction so that it rolls back. */
export class Undone<T> extends Error {
  readonly report: T
  constructor(report: T) {
    super('undone')
    this.report = report
  }
}

/** The report of `work` in a transaction of its own; of one thrown as Undone nothing else stays. */
export async function keptOrUndone<T>(ctx: Ctx, work: (tx: Tx) => Promise<T>): Promise<T> {
  try {
    return await ctx.kernel.db.tx(ctx.tenantId, work)
  } catch (error) {
    if (error instanceof Undone) return error.report as T
    throw error
  }
}
