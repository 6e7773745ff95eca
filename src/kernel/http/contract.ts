import type { z } from 'zod'
import type { Ctx } from '../context.ts'
import type { ErrorCode, Result } from '../result.ts'

/** One route of a module, from which the server, the OpenAPI document and the authorisation matrix are made. */
export interface RouteContract {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Fastify path below /api/v1, e.g. '/orders/:orderId'. */
  readonly path: string
  readonly summary: string
  /** 'public' needs no sign-in; everything else names a permission. */
  readonly permission: string
  readonly params?: z.ZodType
  readonly query?: z.ZodType
  readonly body?: z.ZodType
  readonly response: z.ZodType
  readonly errors: readonly ErrorCode[]
  /** Needs an Idempotency-Key header; it reaches the handler as `input.idempotencyKey`. */
  readonly idempotent?: boolean
}

type Parsed<T> = T extends z.ZodType ? z.infer<T> : undefined

export interface RouteInput<R extends RouteContract> {
  readonly params: Parsed<R['params']>
  readonly query: Parsed<R['query']>
  readonly body: Parsed<R['body']>
  readonly idempotencyKey: string | undefined
}

export interface Route {
  readonly contract: RouteContract
  readonly handle: (ctx: Ctx, input: never) => Promise<Result<unknown>>
}

export const defineContract = <const T extends Record<string, RouteContract>>(contract: T): T => contract

/** Binds a contract to the use case that answers it. */
export function route<const R extends RouteContract>(
  contract: R,
  handle: (ctx: Ctx, input: RouteInput<R>) => Promise<Result<z.infer<R['response']>>>,
): Route {
  return { contract, handle: handle as Route['handle'] }
}
