import type { Lang } from '#kernel/context.ts'
import type { AppError } from '#kernel/result.ts'
import { identityMessagesEn, identityMessagesZh } from '#modules/identity/index.ts'
import { tasksMessagesEn, tasksMessagesZh } from '#modules/tasks/index.ts'

const database = {
  'zh-CN': {
    'database.unavailable': '系统暂时连不上数据库，什么都没有改。请稍后再试。',
    'database.disk_full': '存储空间已满，暂时只能查看，什么都没有改。请稍后再试。',
    'database.outcome_unknown': '不知道这一步是否已经做成。请用同一个编号再试，不会重复。',
  },
  en: {
    'database.unavailable': 'The database cannot be reached; nothing was changed. Please try again shortly.',
    'database.disk_full': 'Storage is full: reading works, nothing was changed. Please try again shortly.',
    'database.outcome_unknown': 'We cannot tell yet whether this was done. Try again with the same key; it will not be done twice.',
  },
} as const

const texts: Readonly<Record<Lang, Readonly<Record<string, string>>>> = {
  'zh-CN': { ...database['zh-CN'], ...identityMessagesZh, ...tasksMessagesZh },
  en: { ...database.en, ...identityMessagesEn, ...tasksMessagesEn },
}

/** Words for a person who meets an error code of the API; undefined where the code speaks for itself to a program. */
export const describe = (error: AppError, lang: Lang): string | undefined =>
  texts[lang][error.code]?.replace(/\{(\w+)\}/g, (_, name: string) => String(error.params?.[name] ?? ''))
