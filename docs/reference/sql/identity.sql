-- Written by tools/sql-snapshot.ts from the code: change the code, then run it with --write.

-- src/modules/identity/store.ts

-- tenant
tenant_id as id, code, name_zh as "nameZh", name_en as "nameEn", phone;

-- upsertTenant
insert into identity.tenant (tenant_id, code, name_zh, name_en, phone, opened_at) values ($1, $2, $3, $4, $5, $6)
on conflict (tenant_id) do update set code = excluded.code, name_zh = excluded.name_zh, name_en = excluded.name_en, phone = excluded.phone;

-- listTenants
select $1 from identity.tenant order by tenant_id limit 1000;

-- upsertAreas
insert into identity.area (tenant_id, code, name_zh, name_en)
select $1::integer, * from unnest($2::text[], $3::text[], $4::text[])
on conflict (tenant_id, code) do update set name_zh = excluded.name_zh, name_en = excluded.name_en;

-- listAreas
select code, name_zh as "nameZh", name_en as "nameEn" from identity.area where tenant_id = $1 order by code limit $2;

-- hasArea
select 1 from identity.area where tenant_id = $1 and code = $2;

-- person
id, name_sealed as "nameSealed", name_mask as "nameMask", id_number_sealed as "idNumberSealed",
id_number_mask as "idNumberMask", phone_sealed as "phoneSealed", phone_mask as "phoneMask", area_code as "areaCode";

-- findPerson
select $1 from identity.person where tenant_id = $2 and $3;

-- findPersonById
id = $1;

-- findPersonByPhone
phone_blind = $1;

-- findPersonByIdNumber
id_number_blind = $1;

-- listPeopleByName
select $1 from identity.person where tenant_id = $2 and name_blind = $3 order by id limit $4;

-- listPeopleByAddress
select $1 from identity.person where tenant_id = $2 and id in (
  select m.person_id from identity.household_member m join identity.household h on h.tenant_id = m.tenant_id and h.id = m.household_id
  where h.tenant_id = $3 and h.address_blind = $4)
order by id limit $5;

-- insertPerson
insert into identity.person (tenant_id, id, name_sealed, name_blind, name_mask, id_number_sealed, id_number_blind, id_number_mask, phone_sealed, phone_blind, phone_mask, area_code, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
on conflict do nothing;

-- insertHousehold
insert into identity.household (tenant_id, id, address_sealed, address_blind, address_mask, area_code, created_at)
values ($1, $2, $3, $4, $5, $6, $7);

-- insertMember
insert into identity.household_member (tenant_id, household_id, person_id, relation, joined_at)
values ($1, $2, $3, $4, $5) on conflict do nothing;

-- listHouseholds
select h.id, h.address_mask as "addressMask", h.area_code as "areaCode", m.relation
from identity.household_member m join identity.household h on h.tenant_id = m.tenant_id and h.id = m.household_id
where m.tenant_id = $1 and m.person_id = $2 order by m.joined_at limit 20;

-- staff
id, username, name, role, area_code as "areaCode", biller_id as "billerId", password_hash as "passwordHash", totp_sealed as "totpSealed",
totp_step as "totpStep", failures, locked_until as "lockedUntil", disabled_at as "disabledAt";

-- findStaffByUsername
select $1 from identity.staff where tenant_id = $2 and username = $3 and withdrawn_at is null;

-- findStaffById
select $1 from identity.staff where tenant_id = $2 and id = $3;

-- takeStaff
select $1 from identity.staff where tenant_id = $2 and id = $3 for no key update;

-- listStaff
select $1 from identity.staff where tenant_id = $2 and withdrawn_at is null order by username limit 1000;

-- listStaffByIds
select id, name, role from identity.staff where tenant_id = $1 and id = any ($2::uuid[]);

-- insertStaff
insert into identity.staff (tenant_id, id, username, name, role, area_code, biller_id, password_hash, totp_sealed, totp_step, failures, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0, $10)
on conflict do nothing;

-- setFailures
update identity.staff set failures = $1, locked_until = $2 where tenant_id = $3 and id = $4;

-- useTotpStep
update identity.staff set totp_step = $1, failures = 0 where tenant_id = $2 and id = $3 and totp_step < $4;

-- setRole
update identity.staff set role = $1, area_code = $2, biller_id = $3 where tenant_id = $4 and id = $5;

-- disableStaff
update identity.staff set disabled_at = $1 where tenant_id = $2 and id = $3 and disabled_at is null;

-- openStaff
update identity.staff set disabled_at = null where tenant_id = $1 and id = $2;

-- insertSession
insert into identity.session (tenant_id, digest, kind, holder_id, second_factor_at, created_at, seen_at, expires_at)
values ($1, $2, $3, $4, $5, $6, $7, $8);

-- session
s.digest, s.kind, s.holder_id as "holderId", s.second_factor_at as "secondFactorAt", s.created_at as "createdAt", s.seen_at as "seenAt", s.expires_at as "expiresAt";

-- findSession
select $1 from identity.session s
where s.tenant_id = $2 and s.digest = $3 and s.kind = $4 and s.revoked_at is null and s.expires_at > $5 and s.seen_at > $6;

-- touchSession
update identity.session set seen_at = $1 where tenant_id = $2 and digest = $3 and seen_at < $4;

-- endSession
update identity.session set revoked_at = $1 where tenant_id = $2 and digest = $3 and revoked_at is null;

-- endSessionsOf
update identity.session set revoked_at = $1 where tenant_id = $2 and holder_id = $3 and revoked_at is null;

-- countUse
insert into identity.quota as q (tenant_id, purpose, key, began_at, used) values ($1, $2, $3, $4, 1)
on conflict (tenant_id, purpose, key) do update set
  used = case when q.began_at <= $5 then 1 else q.used + 1 end,
  began_at = case when q.began_at <= $6 then excluded.began_at else q.began_at end
returning used, began_at as "beganAt";

-- insertChallenge
insert into identity.sms_challenge (tenant_id, digest, code_digest, phone_sealed, tries, created_at, expires_at)
values ($1, $2, $3, $4, 0, $5, $6);

-- tryChallenge
update identity.sms_challenge set tries = tries + 1
where tenant_id = $1 and digest = $2 and used_at is null and expires_at > $3 and tries < $4
returning digest, code_digest as "codeDigest", phone_sealed as "phoneSealed", tries, expires_at as "expiresAt";

-- findChallenge
select digest, code_digest as "codeDigest", phone_sealed as "phoneSealed", tries, expires_at as "expiresAt" from identity.sms_challenge
where tenant_id = $1 and digest = $2;

-- useChallenge
update identity.sms_challenge set used_at = $1 where tenant_id = $2 and digest = $3;

-- purge
delete from identity.sms_challenge where tenant_id = $1 and expires_at < $2;

-- purge
delete from identity.quota where tenant_id = $1 and began_at < $2;

-- purge
delete from identity.enrolment where tenant_id = $1 and expires_at < $2;

-- purge
delete from identity.session where tenant_id = $1 and expires_at < $2;

-- share
sh.id, sh.owner_id as "ownerId", sh.other_id as "otherId", sh.scope, sh.granted_at as "grantedAt";

-- insertShare
insert into identity.share (tenant_id, id, owner_id, other_id, scope, granted_at)
values ($1, $2, $3, $4, $5, $6)
on conflict (tenant_id, owner_id, other_id) where revoked_at is null do nothing;

-- lockPerson
select id from identity.person where tenant_id = $1 and id = $2 for no key update;

-- listShares
select $1, coalesce(o.name_mask, o.phone_mask, '**') as "ownerMask", coalesce(x.phone_mask, '****') as "otherMask"
from identity.share sh
join identity.person o on o.tenant_id = sh.tenant_id and o.id = sh.owner_id
join identity.person x on x.tenant_id = sh.tenant_id and x.id = sh.other_id
where sh.tenant_id = $2 and sh.revoked_at is null and (sh.owner_id = $3 or sh.other_id = $4)
order by sh.granted_at limit 100;

-- findShare
select $1 from identity.share sh
where sh.tenant_id = $2 and sh.owner_id = $3 and sh.other_id = $4 and sh.revoked_at is null;

-- findShareById
select $1 from identity.share sh where sh.tenant_id = $2 and sh.id = $3 and sh.revoked_at is null;

-- revokeShare
update identity.share set revoked_at = $1 where tenant_id = $2 and id = $3 and revoked_at is null;

-- src/modules/identity/store/devices.ts

-- device
id, kind, title, place, area_code as "areaCode", code_expires_at as "codeExpiresAt", public_key as "publicKey", fingerprint,
enrolled_at as "enrolledAt", visit_digest as "visitDigest", visit_at as "visitAt", seen_at as "seenAt", state, silent_since as "silentSince",
slips, revoked_at as "revokedAt";

-- find
select $1 from identity.device where tenant_id = $2 and $3;

-- findByToken
token_digest = $1 and revoked_at is null;

-- take
id = $1 for no key update;

-- takeByCode
code_digest = $1 and code_expires_at > $2 and revoked_at is null for no key update;

-- list
select $1 from identity.device where tenant_id = $2 order by revoked_at is not null, title, id limit $3;

-- insert
insert into identity.device (tenant_id, id, kind, title, place, area_code, added_at, code_digest, code_expires_at, slips)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0);

-- setCode
update identity.device set code_digest = $1, code_expires_at = $2 where tenant_id = $3 and id = $4;

-- enrol
update identity.device set code_digest = null, code_expires_at = null, token_digest = $1, public_key = $2,
  fingerprint = $3, enrolled_at = $4, challenged_at = null, visit_digest = null, visit_at = null, seen_at = $5, silent_since = null
where tenant_id = $6 and id = $7;

-- hasFingerprint
select 1 from identity.device where tenant_id = $1 and fingerprint = $2;

-- noteProof
update identity.device set challenged_at = $1, state = $2::jsonb, seen_at = $3, silent_since = null
where tenant_id = $4 and id = $5 and revoked_at is null and (challenged_at is null or challenged_at < $6);

-- revoke
update identity.device set revoked_at = $1, code_digest = null, code_expires_at = null, visit_digest = null, visit_at = null
where tenant_id = $2 and id = $3 and revoked_at is null;

-- setVisit
update identity.device set visit_digest = $1, visit_at = $2 where tenant_id = $3 and id = $4;

-- addSlip
update identity.device set slips = slips + 1 where tenant_id = $1 and id = $2;

-- resetSlips
update identity.device set slips = 0 where tenant_id = $1 and id = $2;

-- markSilent
update identity.device set silent_since = seen_at
where tenant_id = $1 and revoked_at is null and silent_since is null and seen_at < $2
returning id, seen_at as "seenAt";

-- src/modules/identity/store/staff-changes.ts

-- change
c.id, c.staff_id as "staffId", c.kind, c.role, c.area_code as "areaCode", c.biller_id as "billerId", c.why, c.proposed_by as "proposedBy",
c.proposed_at as "proposedAt", c.expires_at as "expiresAt";

-- closeExpired
update identity.staff_change set decided_at = $1, outcome = 'expired'
where tenant_id = $2 and staff_id = $3 and decided_at is null and expires_at <= $4;

-- insertChange
insert into identity.staff_change (tenant_id, id, staff_id, kind, role, area_code, biller_id, why, proposed_by, proposed_at, expires_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
on conflict (tenant_id, staff_id, kind) where decided_at is null do nothing;

-- takeOpenChange
select $1 from identity.staff_change c
where c.tenant_id = $2 and c.id = $3 and c.decided_at is null and c.expires_at > $4 for no key update;

-- listOpenChanges
select $1 from identity.staff_change c
where c.tenant_id = $2 and c.decided_at is null and c.expires_at > $3 order by c.proposed_at limit 200;

-- decideChange
update identity.staff_change set decided_by = $1, decided_at = $2, outcome = $3
where tenant_id = $4 and id = $5 and decided_at is null;

-- withdrawUnopened
update identity.staff s set withdrawn_at = $1
where s.tenant_id = $2 and s.username = $3 and s.withdrawn_at is null and s.disabled_at is not null
  and exists (
    select 1 from identity.staff_change c where c.tenant_id = $4 and c.staff_id = s.id and c.kind = 'open' and c.proposed_at = s.created_at)
  and not exists (
    select 1 from identity.staff_change c where c.tenant_id = $5 and c.staff_id = s.id
      and (c.outcome = 'approved' or (c.decided_at is null and c.expires_at > $6)));

-- voidEnrolments
update identity.enrolment set used_at = $1 where tenant_id = $2 and staff_id = $3 and used_at is null;

-- insertEnrolment
insert into identity.enrolment (tenant_id, digest, staff_id, totp_sealed, created_at, expires_at)
values ($1, $2, $3, $4, $5, $6);

-- findEnrolment
select digest, staff_id as "staffId", totp_sealed as "totpSealed" from identity.enrolment
where tenant_id = $1 and digest = $2 and used_at is null and expires_at > $3;

-- useEnrolment
update identity.enrolment set used_at = $1 where tenant_id = $2 and digest = $3 and used_at is null;

-- setSecrets
update identity.staff set password_hash = $1, totp_sealed = $2, totp_step = $3, failures = 0, locked_until = null
where tenant_id = $4 and id = $5;

-- setPassword
update identity.staff set password_hash = $1 where tenant_id = $2 and id = $3;

-- listSessionsOf
select digest, created_at as "createdAt", seen_at as "seenAt" from identity.session
where tenant_id = $1 and holder_id = $2 and kind = 'staff' and revoked_at is null and expires_at > $3
  and seen_at > $4 and second_factor_at is not null
order by created_at desc limit 100;

-- endSessionOf
update identity.session set revoked_at = $1
where tenant_id = $2 and holder_id = $3 and digest = $4 and revoked_at is null;

-- endOtherSessionsOf
update identity.session set revoked_at = $1
where tenant_id = $2 and holder_id = $3 and digest <> $4 and revoked_at is null;
