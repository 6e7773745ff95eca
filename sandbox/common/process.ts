import { mkdirSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import fastifyFormbody from '@fastify/formbody'
import Fastify, { type FastifyInstance } from 'fastify'
import { type FaultSource, faultSource } from './faults.ts'

export interface Surroundings {
  keysDir: string
  seed: string
  timeScale: number
  faults: FaultSource
  now: () => Date
}

/** Reads SANDBOX_KEYS, SANDBOX_SEED, SANDBOX_FAULTS and SANDBOX_TIME_SCALE. Keys are never taken from anywhere else. */
export function surroundings(): Surroundings {
  const keysDir = process.env.SANDBOX_KEYS
  if (!keysDir) throw new Error('SANDBOX_KEYS must name a folder for generated keys')
  mkdirSync(keysDir, { recursive: true, mode: 0o700 })
  const seed = process.env.SANDBOX_SEED ?? '1'
  const timeScale = Number(process.env.SANDBOX_TIME_SCALE ?? '1')
  if (!(timeScale > 0)) throw new RangeError('SANDBOX_TIME_SCALE must be above 0')
  return { keysDir, seed, timeScale, faults: faultSource(seed, JSON.parse(process.env.SANDBOX_FAULTS || '{}')), now: () => new Date() }
}

/** A server that keeps the raw body of JSON requests: signatures cover bytes. */
export async function sandboxServer(): Promise<FastifyInstance> {
  const app = Fastify({ bodyLimit: 256 * 1024, routerOptions: { ignoreTrailingSlash: true } })
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    request.rawBody = body as Buffer
    try {
      done(null, (body as Buffer).length === 0 ? {} : JSON.parse((body as Buffer).toString()))
    } catch {
      done(Object.assign(new Error('body is not JSON'), { statusCode: 400 }))
    }
  })
  await app.register(fastifyFormbody)
  return app
}

declare module 'fastify' {
  interface FastifyRequest {
    rawBody?: Buffer
  }
}

/** The loopback port of PORT; without one, the port of the last start (`lastUrl`) if still free, so that stored addresses stay valid. */
export async function listen(app: FastifyInstance, lastUrl?: string): Promise<string> {
  const wanted = Number(process.env.PORT ?? '0')
  const last = lastUrl ? Number(new URL(lastUrl).port) : 0
  try {
    await app.listen({ host: '127.0.0.1', port: wanted || last })
  } catch (error) {
    if (wanted || !last || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    await app.listen({ host: '127.0.0.1', port: 0 })
  }
  return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
}

/** Tells the parent where to find us; a child whose parent is gone must not stay behind. */
export function announce(name: string, url: string, stop: () => Promise<void>): void {
  let isStopping = false
  const leave = () => {
    if (isStopping) return
    isStopping = true
    void stop().finally(() => process.exit(0))
  }
  process.on('SIGTERM', leave)
  process.on('SIGINT', leave)
  if (process.env.SANDBOX_PARENT === '1') {
    process.stdin.resume()
    process.stdin.on('end', leave)
    process.stdin.on('close', leave)
  }
  process.stdout.write(`${JSON.stringify({ ready: name, url })}\n`)
}

/** Registers the controls every stand-in has. */
export function controlFaults(app: FastifyInstance, faults: FaultSource): void {
  app.get('/_control/faults', async () => faults.current)
  app.post('/_control/faults', async (request, reply) => {
    try {
      return faults.set((request.body as object) ?? {})
    } catch (error) {
      return reply.status(400).send({ error: (error as Error).message })
    }
  })
}
