"use strict";

// The client is used as a front end uses it: its own calls, its own tokens, its own reading of
// errors. BASE_URL and JWT_SECRET_KEY say where the service runs and what signs its tokens;
// `python -m tests.client` sets both.

const assert = require("node:assert/strict");
const { randomUUID } = require("node:crypto");
const { beforeEach, describe, test } = require("node:test");
const {
  formatHttpError,
  formatHttpErrorCode,
  generateJWTToken,
  http,
  UserApiClient,
  UserService,
} = require("@selfcommunity/api-services");

const { ADMIN_TOKEN, BASE_URL, JWT_SECRET_KEY, OTHER_TOKEN, USER_TOKEN } = process.env;
const CAP = Number(process.env.MAX_ASSOCIATIONS_PER_USER ?? 100);

http.setBasePortal(BASE_URL);
// The client logs each refusal; here they are what is asked for.
console.warn = () => {};

let lastUser = 1000;
let user;

async function signInAs(userId) {
  http.setAuthorizeToken(await generateJWTToken(userId, JWT_SECRET_KEY));
}

/** What a front end can learn from a refusal. */
async function refusalOf(call) {
  const error = await call.then(
    () => assert.fail("the call was not refused"),
    (refused) => refused,
  );
  assert.ok(error.response, error);
  const { status, headers, data } = error.response;
  assert.match(headers["content-type"], /^application\/problem\+json/);
  assert.equal(data.status, status);
  return { status, headers, data, codes: formatHttpErrorCode(error), texts: formatHttpError(error) };
}

// Each test has a user of its own, so that none sees what another left.
beforeEach(async () => {
  user = ++lastUser;
  await signInAs(user);
});

function facebook(changes) {
  return { user_id: user, provider: "facebook", ext_id: randomUUID(), ...changes };
}

function external(changes) {
  return { user_id: user, provider: "external", ext_id: randomUUID(), ...changes };
}

describe("create", () => {
  test("another provider's association comes back with the fields of its kind", async () => {
    const body = facebook({ profile_url: "https://facebook.com/7", show_in_profile: true });
    assert.deepEqual(await UserApiClient.createProviderAssociation(body), body);
  });

  test("what was not given comes back as null and false", async () => {
    const body = facebook();
    assert.deepEqual(await UserApiClient.createProviderAssociation(body), {
      ...body,
      profile_url: null,
      show_in_profile: false,
    });
  });

  test("an external association comes back with its metadata", async () => {
    const body = external({ metadata: { team: "blue", level: 3, tags: ["a", null, true, 0.5] } });
    assert.deepEqual(await UserApiClient.createProviderAssociation(body), body);
  });

  test("metadata sent as a string comes back as the object", async () => {
    const body = external({ metadata: '{"team": "blue"}' });
    const created = await UserApiClient.createProviderAssociation(body);
    assert.deepEqual(created, { ...body, metadata: { team: "blue" } });
  });

  test("an external association without metadata comes back with null", async () => {
    const body = external();
    const created = await UserApiClient.createProviderAssociation(body);
    assert.deepEqual(created, { ...body, metadata: null });
  });

  test("older forms of the ids are taken", async () => {
    const body = facebook({ user_id: String(user), ext_id: 100000 + user });
    const created = await UserApiClient.createProviderAssociation(body);
    assert.equal(created.user_id, user);
    assert.equal(created.ext_id, String(100000 + user));
  });

  test("a retry answers the same and makes no second association", async () => {
    const body = facebook();
    const first = await UserApiClient.createProviderAssociation(body);
    assert.deepEqual(await UserApiClient.createProviderAssociation(body), first);
    assert.deepEqual(await UserApiClient.getProviderAssociations(user), [first]);
  });
});

describe("list", () => {
  test("a user sees everything of its own, oldest first", async () => {
    const created = [];
    for (const body of [facebook(), external(), facebook({ show_in_profile: true })])
      created.push(await UserApiClient.createProviderAssociation(body));
    assert.deepEqual(await UserService.getProviderAssociations(user), created);
  });

  test("a user without associations gets an empty array", async () => {
    assert.deepEqual(await UserApiClient.getProviderAssociations(String(user)), []);
  });

  test("others and strangers see only what is shown in the profile", async () => {
    await UserApiClient.createProviderAssociation(facebook());
    await UserApiClient.createProviderAssociation(external());
    const shown = await UserApiClient.createProviderAssociation(facebook({ show_in_profile: true }));
    await signInAs(user + 100000);
    assert.deepEqual(await UserApiClient.getProviderAssociations(user), [shown]);
    http.setAuthorizeToken(null);
    assert.deepEqual(await UserApiClient.getProviderAssociations(user), [shown]);
  });
});

describe("delete", () => {
  for (const [kind, body] of [
    ["another provider's", () => facebook({ profile_url: "https://facebook.com/7" })],
    ["an external", () => external({ metadata: { team: "blue" } })],
  ])
    test(`${kind} whole association, as it was listed, is the body`, async () => {
      await UserApiClient.createProviderAssociation(body());
      const kept = await UserApiClient.createProviderAssociation(body());
      const [listed] = await UserApiClient.getProviderAssociations(user);
      assert.ok(!(await UserApiClient.deleteProviderAssociation(listed)));
      assert.deepEqual(await UserApiClient.getProviderAssociations(user), [kept]);
    });

  test("a numeric id, as the client's types have it, finds the association", async () => {
    const ext_id = 200000 + user;
    await UserApiClient.createProviderAssociation(facebook({ ext_id }));
    await UserService.deleteProviderAssociation({ user_id: user, provider: "facebook", ext_id });
    assert.deepEqual(await UserApiClient.getProviderAssociations(user), []);
  });
});

describe("tokens that the service minted", () => {
  test("the user's own token creates, lists and deletes", async () => {
    http.setAuthorizeToken(USER_TOKEN);
    const created = await UserApiClient.createProviderAssociation(facebook({ user_id: 7 }));
    assert.deepEqual(await UserApiClient.getProviderAssociations(7), [created]);
    await UserApiClient.deleteProviderAssociation(created);
  });

  test("another user's token is refused with 403", async () => {
    http.setAuthorizeToken(OTHER_TOKEN);
    const refusal = await refusalOf(UserApiClient.createProviderAssociation(facebook({ user_id: 7 })));
    assert.equal(refusal.status, 403);
  });

  test("an admin's token manages another user's associations", async () => {
    http.setAuthorizeToken(ADMIN_TOKEN);
    const created = await UserApiClient.createProviderAssociation(external());
    assert.deepEqual(await UserApiClient.getProviderAssociations(user), [created]);
    await UserApiClient.deleteProviderAssociation(created);
    assert.deepEqual(await UserApiClient.getProviderAssociations(user), []);
  });
});

describe("refusals", () => {
  test("400: every broken field at once, each under the client's name for it", async () => {
    const refusal = await refusalOf(
      UserApiClient.createProviderAssociation({
        user_id: user,
        provider: "facebook",
        profile_url: "javascript:alert(1)",
        show_in_profile: "yes",
        metadata: {},
        colour: "blue",
      }),
    );
    assert.equal(refusal.status, 400);
    assert.deepEqual(refusal.codes, {
      extIdError: { error: "required" },
      profileUrlError: { error: "invalid" },
      showInProfileError: { error: "invalid" },
      metadataError: { error: "not_applicable" },
      colourError: { error: "unknown" },
    });
    assert.deepEqual(Object.keys(refusal.texts).sort(), Object.keys(refusal.codes).sort());
    for (const { error } of Object.values(refusal.texts)) assert.match(error, /\S+ \S+/);
  });

  test("400: fields that don't fit an external association", async () => {
    const refusal = await refusalOf(
      UserApiClient.createProviderAssociation(
        external({ profile_url: "https://example.com/7", show_in_profile: true }),
      ),
    );
    assert.equal(refusal.status, 400);
    assert.deepEqual(refusal.codes, {
      profileUrlError: { error: "not_applicable" },
      showInProfileError: { error: "not_applicable" },
    });
  });

  const calls = {
    create: () => UserApiClient.createProviderAssociation(facebook()),
    list: () => UserApiClient.getProviderAssociations(user),
    delete: () => UserApiClient.deleteProviderAssociation(facebook()),
  };

  for (const call of ["create", "delete"])
    test(`401: ${call} without a token`, async () => {
      http.setAuthorizeToken(null);
      const refusal = await refusalOf(calls[call]());
      assert.equal(refusal.status, 401);
      assert.equal(refusal.headers["www-authenticate"], "Bearer");
      assert.deepEqual(refusal.codes, { error: "not_authenticated" });
      assert.match(refusal.texts.error, /\S+ \S+/);
    });

  const minuteAgo = () => Math.floor(Date.now() / 1000) - 60;
  for (const [what, token] of [
    ["an expired token", () => generateJWTToken(user, JWT_SECRET_KEY, minuteAgo())],
    ["a foreign token", () => generateJWTToken(user, "another-secret-of-at-least-32-bytes")],
    ["no token at all", async () => "undefined"],
  ])
    for (const call of Object.keys(calls))
      test(`401: ${call} with ${what} as the bearer`, async () => {
        http.setAuthorizeToken(await token());
        const refusal = await refusalOf(calls[call]());
        assert.equal(refusal.status, 401);
        assert.match(refusal.headers["www-authenticate"], /^Bearer .*error="invalid_token"/);
        assert.deepEqual(refusal.codes, { error: "invalid_token" });
      });

  for (const call of ["create", "delete"])
    test(`403: ${call} for another user`, async () => {
      await signInAs(user + 100000);
      const refusal = await refusalOf(calls[call]());
      assert.equal(refusal.status, 403);
      assert.deepEqual(refusal.codes, { error: "permission_denied" });
      assert.match(refusal.texts.error, /\S+ \S+/);
    });

  test("404: a user id that front ends forgot to fill in", async () => {
    const { user_id, ...body } = facebook();
    const refusal = await refusalOf(UserApiClient.createProviderAssociation(body));
    assert.equal(refusal.status, 404);
    assert.deepEqual(refusal.codes, { error: "not_found" });
  });

  test("404: an association that the user doesn't have", async () => {
    const refusal = await refusalOf(UserApiClient.deleteProviderAssociation(facebook()));
    assert.equal(refusal.status, 404);
    assert.deepEqual(refusal.codes, { error: "not_found" });
  });

  test("409: the same whoever holds the pair", async () => {
    const body = facebook();
    await UserApiClient.createProviderAssociation(body);
    const own = await refusalOf(
      UserApiClient.createProviderAssociation({ ...body, show_in_profile: true }),
    );
    const taken = { ...body, user_id: user + 100000 };
    await signInAs(taken.user_id);
    const others = await refusalOf(UserApiClient.createProviderAssociation(taken));
    assert.equal(own.status, 409);
    assert.deepEqual(own.codes, { error: "unique" });
    assert.deepEqual([others.status, others.data], [own.status, own.data]);
  });

  test("409: one association more than a user may have", async () => {
    for (let n = 0; n < CAP; n++) await UserApiClient.createProviderAssociation(facebook());
    const refusal = await refusalOf(UserApiClient.createProviderAssociation(facebook()));
    assert.equal(refusal.status, 409);
    assert.deepEqual(refusal.codes, { error: "limit" });
  });
});
