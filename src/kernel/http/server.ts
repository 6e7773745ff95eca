import cookie from '@fastify/cookie'
import formbody from '@fastify/formbody'
import helmet from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import swagger from '@fastify/swagger'
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { jsonSchemaTransform, serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Ctx, Kernel, Lang } from '../context.ts'
import { databaseFailure, sql } from '../db/index.ts'
import { newId } from '../id.ts'
import { type AppError, defineErrors } from '../result.ts'
import type { Route, RouteContract } from './contract.ts'
import { idempotencyErrors } from './idempotency.ts'
import { JsonRefused, jsonErrors, parseStrictJsonBytes } from './strict-json.ts'

export const httpErrors = defineErrors('http', {
  not_found: 404,
  invalid_input: 400,
  too_large: 413,
  unsupported_media_type: 415,
  too_many_requests: 429,
  cross_site: 403,
  internal: 500,
})

export type Server = FastifyInstance

export interface ServerOptions {
  readonly kernel: Kernel
  readonly version: string
  /** Who is calling: reads the session cookie or key of the request. */
  readonly authenticate: (request: FastifyRequest) => Promise<Ctx>
  /** Called for every refused request, after the answer was decided. */
  readonly onRefused?: (ctx: Ctx | undefined, error: AppError, place: string) => void
  /** Words for a person in the language asked for; they stand beside the stable code. */
  readonly describe?: (error: AppError, lang: Lang) => string | undefined
  readonly rateMax?: number
  /** Answers a failed request of a person with a page; undefined leaves it to problem details. */
  readonly showError?: (request: FastifyRequest, reply: FastifyReply, error: AppError) => Promise<FastifyReply | undefined>
}

const BODY_BYTES_MAX = 256 * 1024
/** From the first byte to the last of what is asked; looked at every half minute. */
const REQUEST_MS_MAX = 30_000

export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number(),
  code: z.string(),
  instance: z.string(),
  detail: z.string().optional(),
  field: z.string().optional(),
  params: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
})

declare module 'fastify' {
  interface FastifyRequest {
    ctx: Ctx
  }
}

/** RFC 9457 problem details. The code is stable; words for people are made from it by the page. */
export const problem = (error: AppError, requestId: string, detail?: string) => ({
  type: `urn:yimen:error:${error.code}`,
  title: error.code,
  status: error.status,
  code: error.code,
  instance: `urn:yimen:request:${requestId}`,
  ...(detail && { detail }),
  ...(error.field && { field: error.field }),
  ...(error.params && { params: error.params }),
})

/** A NUL in a text: no database column can hold it, no honest form sends it. */
class TextRefused extends Error {}

/** Looks at the texts of a query, a form or a JSON body; raw bytes are left to whoever verifies them. */
function hasNul(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('\u0000')
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return false
  return Object.values(value).some(hasNul)
}

/** What a thrown error means to the caller; bugs become a bare 500 that says nothing of the inside. */
export function toAppError(error: unknown): AppError {
  const database = databaseFailure(error)
  if (database) return database
  if (error instanceof TextRefused) return httpErrors.invalid_input
  if (error instanceof JsonRefused) return { ...jsonErrors[error.reason], params: { at: error.at } }
  const fastify = error as Partial<FastifyError> & { validation?: { instancePath?: string; message?: string }[]; statusCode?: number }
  if (fastify.validation) {
    const first = fastify.validation[0]
    const field = first?.instancePath?.replace(/^\//, '').replaceAll('/', '.')
    return { ...httpErrors.invalid_input, ...(field && { field }), params: { why: String(first?.message ?? '').slice(0, 200) } }
  }
  if (fastify.statusCode === 413) return httpErrors.too_large
  if (fastify.statusCode === 415) return httpErrors.unsupported_media_type
  if (fastify.statusCode === 429) return httpErrors.too_many_requests
  if (fastify.statusCode !== undefined && fastify.statusCode >= 400 && fastify.statusCode < 500)
    return { ...httpErrors.invalid_input, status: fastify.statusCode }
  return httpErrors.internal
}

export async function createServer(options: ServerOptions): Promise<Server> {
  const { kernel } = options
  const server = Fastify({
    loggerInstance: undefined,
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    trustProxy: 'loopback',
    requestTimeout: REQUEST_MS_MAX,
    genReqId: () => newId(kernel.clock, kernel.random),
    routerOptions: { maxParamLength: 200, caseSensitive: true },
  })
  // With the default of a minute for headers the limit on whole requests is never looked at.
  server.server.headersTimeout = REQUEST_MS_MAX
  server.setValidatorCompiler(validatorCompiler)
  server.setSerializerCompiler(serializerCompiler)
  server.decorateRequest('ctx', null as unknown as Ctx)
  server.removeContentTypeParser(['application/json', 'text/plain'])
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, parseStrictJsonBytes(body as Buffer))
    } catch (error) {
      done(error as Error)
    }
  })
  await server.register(cookie)
  await server.register(formbody, { bodyLimit: 64 * 1024 })
  await server.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        styleSrc: ["'self'"],
        scriptSrc: ["'self'"],
        imgSrc: ["'self'", 'data:'],
        connectSrc: ["'self'"],
        formAction: ["'self'", ...formTargets(kernel)],
        frameAncestors: ["'none'"],
        baseUri: ["'none'"],
        requireTrustedTypesFor: ["'script'"],
      },
    },
    strictTransportSecurity: kernel.config.baseUrl?.startsWith('https:') ?? false,
    crossOriginOpenerPolicy: { policy: 'same-origin' },
    referrerPolicy: { policy: 'same-origin' },
  })
  await server.register(rateLimit, {
    global: true,
    max: options.rateMax ?? 1200,
    timeWindow: '1 minute',
    keyGenerator: request => request.ip,
  })
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Yimen', version: options.version, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    },
    transform: jsonSchemaTransform,
    hideUntagged: true,
  })
  measure(server, kernel)
  server.addHook('preValidation', async request => {
    if (hasNul(request.params) || hasNul(request.query) || hasNul(request.body)) throw new TextRefused()
  })
  server.addHook('preHandler', async request => {
    request.ctx = await options.authenticate(request)
  })
  server.setErrorHandler(async (thrown, request, reply) => {
    // Whoever hangs up in the middle of a body looks like a lost connection of ours.
    const isCutOff = thrown === request.raw.errored
    const error: AppError = isCutOff ? { ...httpErrors.invalid_input, params: { why: 'cut off' } } : toAppError(thrown)
    const about = { requestId: request.id, route: request.routeOptions.url }
    // The database being away or full is told once by whoever watches it; each request needs a line, not a stack.
    if (error.status === 503) kernel.log.warn({ ...about, why: error.code }, 'request put off')
    else if (error.status >= 500) kernel.log.error({ ...about, err: thrown }, 'request failed')
    else options.onRefused?.(request.ctx ?? undefined, error, `${request.method} ${request.routeOptions.url ?? 'unknown'}`)
    if (error.status === 503) void reply.header('retry-after', '2')
    const shown = await options.showError?.(request, reply, error)
    if (shown) return shown
    return reply
      .status(error.status)
      .type('application/problem+json')
      .send(JSON.stringify(problem(error, request.id, options.describe?.(error, langOf(request)))))
  })
  addHealth(server, kernel)
  return server
}

/** A payment form posts to us and is then redirected to the channel: browsers apply form-action to the redirect too. */
const formTargets = (kernel: Kernel): string[] =>
  kernel.config.sandbox ? ['http://127.0.0.1:*', 'http://localhost:*'] : ['https:', 'weixin:', 'alipays:']

const langOf = (request: FastifyRequest): Lang => (/^en\b/i.test(request.headers['accept-language'] ?? '') ? 'en' : 'zh-CN')

function measure(server: Server, kernel: Kernel): void {
  const duration = kernel.metrics.histogram(
    'yimen_http_request_duration_seconds',
    'Time to answer, by route and status',
    ['method', 'route', 'status'],
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
  )
  server.addHook('onResponse', async (request, reply) => {
    duration.observe(
      { method: request.method, route: request.routeOptions.url ?? 'unknown', status: String(reply.statusCode) },
      reply.elapsedTime / 1000,
    )
  })
}

/** Figures are for whoever watches this machine, from this machine; through a proxy the caller's own address counts. */
const isFromHere = (ip: string): boolean => ip === '::1' || /^(::ffff:)?127\./.test(ip)

function addHealth(server: Server, kernel: Kernel): void {
  server.get('/health', { config: { rateLimit: false }, schema: { hide: true } }, async () => ({ status: 'ok' }))
  server.get('/ready', { config: { rateLimit: false }, schema: { hide: true } }, async (_request, reply) => {
    try {
      await kernel.db.read(0, tx => tx.one(sql`select 1`))
      return { status: 'ready' }
    } catch {
      return reply.status(503).header('retry-after', '2').send({ status: 'database unavailable' })
    }
  })
  server.get('/metrics', { config: { rateLimit: false }, schema: { hide: true } }, async (request, reply) =>
    isFromHere(request.ip)
      ? reply.type(kernel.metrics.registry.contentType).send(await kernel.metrics.registry.metrics())
      : reply.callNotFound(),
  )
}

export function addRoutes(
  server: Server,
  tag: string,
  routes: Readonly<Record<string, Route>>,
  options: Pick<ServerOptions, 'onRefused' | 'describe'>,
): void {
  for (const [name, { contract, handle }] of Object.entries(routes)) {
    server.withTypeProvider<ZodTypeProvider>().route({
      method: contract.method,
      url: `/api/v1${contract.path}`,
      schema: schemaOf(tag, name, contract),
      handler: async (request, reply) => {
        const key = request.headers['idempotency-key']
        const input = {
          params: request.params,
          query: request.query,
          body: request.body,
          idempotencyKey: typeof key === 'string' ? key : undefined,
        }
        const result =
          contract.idempotent && !input.idempotencyKey
            ? { ok: false as const, error: idempotencyErrors.key_missing }
            : await handle(request.ctx, input as never)
        if (result.ok) return reply.status(200).send(result.value as never)
        options.onRefused?.(request.ctx, result.error, `${contract.method} ${contract.path}`)
        return reply
          .status(result.error.status as 200)
          .type('application/problem+json')
          .send(problem(result.error, request.id, options.describe?.(result.error, langOf(request))) as never)
      },
    })
  }
}

function schemaOf(tag: string, name: string, contract: RouteContract) {
  const statuses = new Set([400, ...contract.errors.map(error => error.status)])
  return {
    tags: [tag],
    operationId: `${tag}.${name}`,
    summary: contract.summary,
    description: `Permission: ${contract.permission}. Errors: ${contract.errors.map(error => error.code).join(', ') || 'none of its own'}.`,
    ...(contract.params && { params: contract.params }),
    ...(contract.query && { querystring: contract.query }),
    ...(contract.body && { body: contract.body }),
    ...(contract.idempotent && { headers: z.object({ 'idempotency-key': z.string().optional() }) }),
    response: { 200: contract.response, ...Object.fromEntries([...statuses].map(status => [status, problemSchema])) },
  }
}
