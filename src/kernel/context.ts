import type { Logger } from 'pino'
import type { Config } from './config.ts'
import type { Vault } from './crypto/vault.ts'
import type { Db } from './db/index.ts'
import { newId } from './id.ts'
import type { Live } from './live.ts'
import type { Metrics } from './metrics.ts'
import type { Random } from './random.ts'
import { defineErrors, fail, ok, type Result } from './result.ts'
import type { Clock } from './time.ts'

/** What every use case may use; one per process. */
export interface Kernel {
  readonly db: Db
  readonly clock: Clock
  readonly random: Random
  readonly config: Config
  readonly log: Logger
  readonly metrics: Metrics
  readonly live: Live
  readonly vault: Vault
}

export type Lang = 'zh-CN' | 'en'

export interface Actor {
  readonly kind: 'resident' | 'staff' | 'device' | 'system' | 'anonymous'
  readonly id: string
  readonly permissions: ReadonlySet<string>
  /** Area code prefix a staff member or device is confined to. */
  readonly area?: string
  /** Whose staff this is, with the ledger account of what is paid to it: nothing of another biller is seen. */
  readonly biller?: { readonly id: string; readonly accountId: number }
  /** When whoever acts last proved who they are, as by a code on their telephone. */
  readonly provedAt?: Date
}

export interface Ctx {
  readonly kernel: Kernel
  readonly tenantId: number
  readonly actor: Actor
  readonly requestId: string
  readonly lang: Lang
}

export const accessErrors = defineErrors('access', { denied: 403, sign_in_first: 401, prove_first: 401 })

/** First line of every use case. An unknown caller is asked to sign in, a known one is refused. */
export function permit(ctx: Ctx, permission: string): Result<void> {
  if (ctx.actor.kind === 'system' || ctx.actor.permissions.has(permission)) return ok(undefined)
  return fail(ctx.actor.kind === 'anonymous' ? accessErrors.sign_in_first : accessErrors.denied, { permission })
}

/** For what binds somebody beyond today: whoever acts must have proved who they are within `within_ms`, or a telephone left lying would do. */
export function proved({ actor, kernel }: Ctx, within_ms: number): Result<void> {
  if (actor.kind === 'system') return ok(undefined)
  const since_ms = actor.provedAt ? kernel.clock.now().getTime() - actor.provedAt.getTime() : Number.POSITIVE_INFINITY
  return since_ms <= within_ms ? ok(undefined) : fail(accessErrors.prove_first)
}

/** Work the product does by itself: timers, subscribers, imports from the command line. */
export function systemCtx(kernel: Kernel, tenantId: number, name: string): Ctx {
  return {
    kernel,
    tenantId,
    actor: { kind: 'system', id: name, permissions: new Set() },
    requestId: newId(kernel.clock, kernel.random),
    lang: 'zh-CN',
  }
}

export const makeId = (ctx: Pick<Ctx, 'kernel'>): string => newId(ctx.kernel.clock, ctx.kernel.random)
