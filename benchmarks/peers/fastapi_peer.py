"""FastAPI, pydantic, SQLAlchemy's async ORM and asyncpg, as their documentation has it."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, Self

import jwt
from fastapi import Depends, FastAPI, HTTPException, status
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, StrictBool, model_validator
from sqlalchemy import JSON, BigInteger, DateTime, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SECRET = os.environ["JWT_SECRET_KEY"]

engine = create_async_engine(
    os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://", 1), pool_size=10
)
make_session = async_sessionmaker(engine, expire_on_commit=False)


def now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    pass


class Association(Base):
    __tablename__ = "social_association"

    provider: Mapped[str] = mapped_column(primary_key=True)
    ext_id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(BigInteger)
    profile_url: Mapped[str | None]
    show_in_profile: Mapped[bool]
    metadata_: Mapped[dict[str, Any] | None] = mapped_column("metadata", JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)
    created_by: Mapped[int] = mapped_column(BigInteger)


class AssociationIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    user_id: Annotated[int, Field(strict=True, gt=0, lt=2**63)]
    provider: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9_-]{0,62}[a-z0-9])?$")]
    ext_id: Annotated[str, Field(min_length=1, max_length=255)]
    profile_url: HttpUrl | None = None
    show_in_profile: StrictBool = False
    metadata: dict[str, Any] | None = None

    @model_validator(mode="after")
    def fields_fit_the_provider(self) -> Self:
        if self.provider == "external":
            if self.profile_url is not None or self.show_in_profile:
                raise ValueError("profile_url and show_in_profile do not fit external")
        elif self.metadata is not None:
            raise ValueError("metadata fits external only")
        return self


class ExternalOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    user_id: int
    provider: str
    ext_id: str
    metadata: dict[str, Any] | None = Field(validation_alias="metadata_")


class SocialOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    user_id: int
    provider: str
    ext_id: str
    profile_url: str | None
    show_in_profile: bool


def representation(row: Association) -> ExternalOut | SocialOut:
    kind = ExternalOut if row.provider == "external" else SocialOut
    return kind.model_validate(row)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


async def session() -> AsyncIterator[AsyncSession]:
    async with make_session() as opened:
        yield opened


async def caller(
    credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())],
) -> int:
    try:
        claims = jwt.decode(
            credentials.credentials, SECRET, ["HS256"], options={"require": ["exp", "user_id"]}
        )
    except jwt.InvalidTokenError as error:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED) from error
    if claims.get("token_type") != "access":
        raise HTTPException(status.HTTP_401_UNAUTHORIZED)
    user_id: int = claims["user_id"]
    return user_id


Caller = Annotated[int, Depends(caller)]
Session = Annotated[AsyncSession, Depends(session)]


@app.post("/api/v2/user/provider/", status_code=status.HTTP_201_CREATED)
async def create(body: AssociationIn, user_id: Caller, session: Session) -> ExternalOut | SocialOut:
    if body.user_id != user_id:
        raise HTTPException(status.HTTP_403_FORBIDDEN)
    row = Association(
        user_id=user_id,
        provider=body.provider,
        ext_id=body.ext_id,
        profile_url=None if body.profile_url is None else str(body.profile_url),
        show_in_profile=body.show_in_profile,
        metadata_=body.metadata,
        created_by=user_id,
    )
    session.add(row)
    try:
        await session.commit()
    except IntegrityError as error:
        raise HTTPException(status.HTTP_409_CONFLICT) from error
    return representation(row)


@app.get("/api/v2/user/{owner}/provider/")
async def associations(
    owner: int, user_id: Caller, session: Session
) -> list[ExternalOut | SocialOut]:
    if owner != user_id:
        raise HTTPException(status.HTTP_403_FORBIDDEN)
    rows = await session.scalars(
        select(Association)
        .where(Association.user_id == owner)
        .order_by(Association.created_at, Association.provider, Association.ext_id)
    )
    return [representation(row) for row in rows]
