import { resolve } from 'node:path'
import { z } from 'zod'

const port = z.coerce.number().int().min(0).max(65_535)

const schema = z.object({
  PORT: port.default(8080),
  HOST: z.string().min(1).default('127.0.0.1'),
  YIMEN_DATA: z.string().min(1).default('.yimen'),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
  YIMEN_BASE_URL: z.url({ protocol: /^https?$/ }).optional(),
  YIMEN_LOG: z.enum(['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace']).default('info'),
  YIMEN_SANDBOX: z.enum(['on', 'off']).default('on'),
  YIMEN_SEED: z.enum(['town', 'small', 'none']).default('town'),
  YIMEN_POOL: z.coerce.number().int().min(4).max(200).default(20),
})

export interface Config {
  readonly port: number
  readonly host: string
  /** Absolute path of everything this installation keeps: database, keys, files. */
  readonly dataDir: string
  readonly databaseUrl: string | undefined
  readonly baseUrl: string | undefined
  readonly logLevel: string
  readonly sandbox: boolean
  readonly seed: 'town' | 'small' | 'none'
  readonly poolSize: number
}

export class ConfigError extends Error {}

/** Reads and checks the environment; the error names each variable that is wrong. */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const given = Object.fromEntries(Object.keys(schema.shape).map(key => [key, env[key] === '' ? undefined : env[key]]))
  const parsed = schema.safeParse(given)
  if (!parsed.success) {
    const lines = parsed.error.issues.map(issue => `  ${issue.path.join('.')}: ${issue.message}`)
    throw new ConfigError(`The configuration is not usable:\n${lines.join('\n')}`)
  }
  const v = parsed.data
  return {
    port: v.PORT,
    host: v.HOST,
    dataDir: resolve(v.YIMEN_DATA),
    databaseUrl: v.DATABASE_URL,
    baseUrl: v.YIMEN_BASE_URL,
    logLevel: v.YIMEN_LOG,
    sandbox: v.YIMEN_SANDBOX === 'on',
    seed: v.YIMEN_SEED,
    poolSize: v.YIMEN_POOL,
  }
}

/** Address at which residents and channels reach this installation. */
export const publicUrl = (config: Pick<Config, 'baseUrl' | 'host' | 'port'>): string =>
  config.baseUrl ?? `http://${config.host === '0.0.0.0' ? '127.0.0.1' : config.host}:${config.port}`
