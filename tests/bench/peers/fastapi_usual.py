"""The way tutorials and most services are written: dependency injection, response models, and a
database session for each request, in which key and workspace are looked up."""
import hashlib
import os
from typing import List, Union

import httpx
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel
from sqlalchemy import Column, ForeignKey, Integer, String, create_engine
from sqlalchemy.orm import Session, declarative_base, relationship, sessionmaker

from shared import Assistants, BreakerOpen

engine = create_engine("sqlite:///" + os.environ["DATABASE"],
                       connect_args={"check_same_thread": False})
SessionLocal = sessionmaker(bind=engine, autocommit=False, autoflush=False)
Base = declarative_base()


class Workspace(Base):
    __tablename__ = "workspaces"
    id = Column(Integer, primary_key=True)
    name = Column(String, nullable=False)


class ApiKey(Base):
    __tablename__ = "api_keys"
    id = Column(Integer, primary_key=True)
    hash = Column(String, unique=True, index=True, nullable=False)
    workspace_id = Column(Integer, ForeignKey("workspaces.id"), nullable=False)
    workspace = relationship(Workspace)


class Setting(BaseModel):
    key: str
    value: Union[int, float, str]
    updated_at: str


class Settings(BaseModel):
    settings: List[Setting]


def hash_of(key):
    return hashlib.sha256(key.encode()).hexdigest()


Base.metadata.create_all(engine)
with SessionLocal() as first:
    first.add(ApiKey(hash=hash_of(os.environ["API_KEY"]), workspace=Workspace(name="bench")))
    first.commit()

app = FastAPI()
assistants = Assistants()


def get_db():
    db = SessionLocal()
    try:
        yield db
    finally:
        db.close()


def get_assistants():
    return assistants


def current_workspace(authorization: str = Header(""), db: Session = Depends(get_db)):
    scheme, _, key = authorization.partition(" ")
    found = db.query(ApiKey).filter(ApiKey.hash == hash_of(key)).first()
    if scheme.lower() != "bearer" or found is None:
        raise HTTPException(401, "Send a valid API key.")
    return found.workspace


@app.get("/api/v1/vapi/settings", response_model=Settings)
async def read_settings(workspace: Workspace = Depends(current_workspace),
                        service: Assistants = Depends(get_assistants)):
    try:
        return await service.settings(workspace.id)
    except BreakerOpen:
        raise HTTPException(503, "Vapi is temporarily unavailable.")
    except httpx.HTTPError:
        raise HTTPException(502, "Vapi did not answer.")
