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
  YIMEN_TRAIL_SM2: z.enum(['on', 'off']).default('off'),
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
  /** Sign the trail's checkpoints by SM2 over SM3 as well. */
  readonly trailSm2: boolean
  readonly poolSize: number
}

/** Something given from outside cannot be used; the message names it and says what to do. */
export class ConfigError extends Error {}

/** What each variable takes, in words. */
const EXPECTED: Readonly<Record<keyof typeof schema.shape, readonly [zh: string, en: string]>> = {
  PORT: ['0 到 65535 的整数（0 自动选一个空闲端口）', 'a whole number from 0 to 65535 (0 takes a free port)'],
  HOST: ['监听地址，例如 127.0.0.1', 'an address to listen on, such as 127.0.0.1'],
  YIMEN_DATA: ['一个文件夹', 'a folder'],
  DATABASE_URL: ['形如 postgres://用户:密码@主机/库 的地址', 'an address such as postgres://user:password@host/database'],
  YIMEN_BASE_URL: ['以 http:// 或 https:// 开头的地址', 'an address that begins with http:// or https://'],
  YIMEN_LOG: ['silent、fatal、error、warn、info、debug 或 trace', 'silent, fatal, error, warn, info, debug or trace'],
  YIMEN_SANDBOX: ['on 或 off', 'on or off'],
  YIMEN_SEED: ['town、small 或 none', 'town, small or none'],
  YIMEN_TRAIL_SM2: ['on 或 off', 'on or off'],
  YIMEN_POOL: ['4 到 200 的整数', 'a whole number from 4 to 200'],
}
/** Holds a password. */
const NOT_REPEATED = new Set(['DATABASE_URL'])

function unusable(name: keyof typeof EXPECTED, value: string): string {
  const [zh, en] = EXPECTED[name]
  const shown = NOT_REPEATED.has(name) ? '' : value
  return `${name}${shown && `=${shown}`} 不能用，应为${zh}。 / ${name}${shown && `=${shown}`} cannot be used: it takes ${en}.`
}

/** Reads and checks the environment; the error names each variable that is wrong. */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const given = Object.fromEntries(Object.keys(schema.shape).map(key => [key, env[key] === '' ? undefined : env[key]]))
  const parsed = schema.safeParse(given)
  if (!parsed.success) {
    const names = new Set(parsed.error.issues.map(issue => issue.path[0] as keyof typeof EXPECTED))
    throw new ConfigError([...names].map(name => unusable(name, given[name] ?? '')).join('\n'))
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
    trailSm2: v.YIMEN_TRAIL_SM2 === 'on',
    poolSize: v.YIMEN_POOL,
  }
}

/** Address at which residents and channels reach this installation. */
export const publicUrl = (config: Pick<Config, 'baseUrl' | 'host' | 'port'>): string =>
  config.baseUrl ?? `http://${config.host === '0.0.0.0' ? '127.0.0.1' : config.host}:${config.port}`
